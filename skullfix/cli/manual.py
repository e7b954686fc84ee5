"""The manual page ``skullfix.1``, made from the commands themselves.

``python -m skullfix.cli.manual > skullfix.1`` prints it. Commands, options and examples come from
where ``--help`` has them, exit codes from the exceptions.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from skullfix import errors
from skullfix.version import __version__

VARIABLES = {
    "SKULLFIX_CACHE": "Folder of downloaded and imported checkpoints.",
    "SKULLFIX_DEBUG": "1 shows tracebacks, as --debug does.",
    "SKULLFIX_MEMORY": "Memory that may be used, in GB.",
    "SKULLFIX_OFFLINE": "1 forbids every network call.",
    "SKULLFIX_WEIGHTS_FOLDER": "A folder of checkpoints used instead of the released ones.",
    "SKULLFIX_WEIGHTS_URL": "Addresses from which checkpoints are fetched, tried in order.",
    "NO_COLOR": "Set to anything, output has no colour.",
    "NUMBA_CACHE_DIR": "Folder of the compiled kernels.",
}
OTHER_CODES = {
    0: "Done.",
    1: "Something unexpected.",
    130: "Interrupted.",
    143: "Ended by SIGTERM.",
}


def commands(path: tuple[str, ...] = ("skullfix",), node: Any = None) -> Iterator[Any]:
    """Walk all commands and groups.

    Yields:
        ``(path, command)``: the words that call it, and Typer's object for it.
    """
    if node is None:
        import typer

        from skullfix.cli.main import app

        node = typer.main.get_command(app)
    yield path, node
    if hasattr(node, "list_commands"):
        for name in node.list_commands(None):
            yield from commands((*path, name), node.get_command(None, name))


def manual_page() -> str:
    """Write the page in man's own macros (groff_man(7)); the same text on every machine."""
    walked = list(commands())
    root = walked[0][1]
    lines = [
        f'.TH SKULLFIX 1 "" "skullfix {__version__}" "User Commands"',
        ".ad l",
        ".SH NAME",
        f"skullfix \\- {roff(_first_line(root)).rstrip('.')}",
        ".SH SYNOPSIS",
        ".B skullfix",
        "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]",
        ".SH DESCRIPTION",
        *_prose(root),
        *_options(root),
        ".SH COMMANDS",
    ]
    for path, node in walked[1:]:
        lines += [f".SS {_synopsis(path, node)}", *_prose(node), *_options(node)]
    lines.append(".SH EXIT STATUS")
    for code, says in sorted(_exit_codes().items()):
        lines += [".TP", f".B {code}", roff(says)]
    lines.append(".SH ENVIRONMENT")
    for name, says in VARIABLES.items():
        lines += [".TP", f".B {name}", roff(says)]
    lines += [".SH NOTES", roff(root.epilog)]
    return "\n".join(lines) + "\n"


def roff(text: str) -> str:
    """Escape what groff would obey: backslashes, hyphens, a leading point or apostrophe."""
    text = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def _first_line(node: Any) -> str:
    return (node.help or "").strip().partition("\n")[0]


def _synopsis(path: tuple[str, ...], node: Any) -> str:
    arguments = [_metavar(p) for p in node.params if p.param_type_name == "argument"]
    if hasattr(node, "list_commands"):
        arguments = ["COMMAND"]
    return roff(" ".join([*path, *arguments]))


def _prose(node: Any) -> list[str]:
    """Write the help text: paragraphs, and examples in a fixed pitch."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", (node.help or "").strip()):
        if paragraph.strip().startswith("Example:"):
            example = paragraph.strip().removeprefix("Example:")
            lines += [".PP", ".RS 4", ".nf", f"\\f(CR{roff(example)}\\fR", ".fi", ".RE"]
        else:
            lines += [".PP", roff(paragraph)]
    return lines


def _options(node: Any) -> list[str]:
    """Write a tagged paragraph for each parameter that a user may give."""
    lines: list[str] = []
    for parameter in node.params:
        if parameter.param_type_name == "argument":
            tag = f"\\fI{roff(_metavar(parameter))}\\fR"
        else:
            names = ", ".join(f"\\fB{roff(n)}\\fR" for n in sorted(parameter.opts, key=len))
            tag = names if parameter.is_flag else f"{names} \\fI{roff(_metavar(parameter))}\\fR"
        says = getattr(parameter, "help", None) or ""
        lines += [".TP", tag, roff(f"{says} {_default(parameter)}".strip() or "See above.")]
    return lines


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper().replace("_", "-"))


def _default(parameter: Any) -> str:
    """Name the default, where it is a value and not a rule."""
    value = parameter.default
    known = isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    return f"[default: {value}]" if known else ""


def _exit_codes() -> dict[int, str]:
    """Give each exit code its sentence, from the exceptions' own docstrings."""
    classes = errors.SkullfixError.__subclasses__()
    return {c.exit_code: (c.__doc__ or "").partition("\n")[0] for c in classes} | OTHER_CODES


if __name__ == "__main__":
    sys.stdout.write(manual_page())
