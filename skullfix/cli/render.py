"""The one renderer: results to stdout (text or JSON), errors to stderr, exit codes."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skullfix.cli.progress import Reporter
from skullfix.errors import OutputError, SkullfixError, is_out_of_memory

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

DEBUG_VARIABLE = "SKULLFIX_DEBUG"
PIPE_WIDTH = 160  # columns of a table that goes into a file or a pipe

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result document (JSON) alone on stdout.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@dataclass
class Output:
    """What a running command reports to: progress while it works, one result at its end.

    Attributes:
        json_output: Whether the result is printed as a JSON document.
        progress: Callback ``progress(stage, fraction)``; fraction in 0..1, or None when unknown.
        facts: Keys of the result document that are known early (``task``, ``inputs``); an error's
            document carries them too.
    """

    json_output: bool
    progress: Reporter
    facts: dict[str, object] = field(default_factory=dict)
    document: Mapping[str, object] | None = None
    text: RenderableType = ""
    exit_code: int = 0

    def finish(
        self, document: Mapping[str, object], text: RenderableType = "", *, exit_code: int = 0
    ) -> None:
        """Hand over the result; it is printed when the command's block ends.

        Args:
            document: The result document, printed by ``--json``; over the early facts.
            text: What a person reads instead: plain text or anything that rich renders.
            exit_code: For results that are no exception yet not a success (a partial batch: 7).
        """
        self.document, self.text, self.exit_code = document, text, exit_code


@contextlib.contextmanager
def command(json_output: bool = False, *, quiet: bool = False) -> Iterator[Output]:
    """Run a command's body; print its result, or turn its exception into message and exit code.

    Whatever the body prints by ``print`` goes to stderr, so that stdout holds the result alone.

    Raises:
        typer.Exit: With the exit code, where it is not 0.
    """
    out = Output(json_output, Reporter(quiet=quiet))
    try:
        with out.progress, contextlib.redirect_stdout(sys.stderr):
            yield out
        if out.document is not None:
            with writing():
                _print_result(out)
    except typer.Exit:
        raise
    except BaseException as error:
        raise typer.Exit(report_failure(error, json_output=json_output, facts=out.facts)) from error
    if out.exit_code:
        raise typer.Exit(out.exit_code)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Write to stdout; where that fails, what is left to write is thrown away.

    Raises:
        OutputError: It cannot be written (a full disk).
        BrokenPipeError: Its reader went away.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        elsewhere = error.errno is None or error.filename is not None  # a library, a file
        if elsewhere or isinstance(error, BrokenPipeError):
            raise
        _silence_stdout()
        raise OutputError(
            f"stdout cannot be written ({error.strerror or error}).",
            hint="Make room where it goes, or send it elsewhere.",
        ) from error


def _print_result(out: Output) -> None:
    """Print what a command has found, as a document or for a person."""
    if out.json_output:
        print_document({**out.facts, **(out.document or {})})
    elif isinstance(out.text, str):
        sys.stdout.write(f"{printable(out.text)}\n" if out.text else "")
    else:
        _console(stderr=False).print(out.text)


def print_document(document: Mapping[str, object]) -> None:
    """Print a result document to stdout: ASCII JSON, NaN and infinities as null."""
    sys.stdout.write(json.dumps(_plain(document), indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


def report_failure(
    error: BaseException, *, json_output: bool, facts: Mapping[str, object] | None = None
) -> int:
    """Show an exception to the person who typed the command.

    stderr gets ``error: …`` and, last, ``hint: …``; under ``--json`` stdout gets the document with
    ``status`` error. The traceback is shown only with ``--debug`` or SKULLFIX_DEBUG=1.

    Returns:
        The exit code that the process must leave with.
    """
    if isinstance(error, BrokenPipeError):  # the reader went away, as `head` does
        _silence_stdout()
        return 141
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    exit_code, code, message, hint = describe(error)
    if os.environ.get(DEBUG_VARIABLE, "") not in ("", "0"):
        with contextlib.suppress(OSError):
            sys.stderr.write("".join(traceback.format_exception(error)))
    if message:
        _print_failure(message, hint)
    if json_output:
        failure = {"code": code, "message": message or "Help was asked for.", "hint": hint}
        try:
            with writing():
                print_document({**(facts or {}), "status": "error", "error": failure})
        except OutputError as lost:
            _print_failure(lost.message, lost.hint)
    return exit_code


def _silence_stdout() -> None:
    """Throw away what is still to be written, and all that comes."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def describe(error: BaseException) -> tuple[int, str, str, str]:
    """Give an exception's exit code, its code word, its message and its hint."""
    if isinstance(error, SkullfixError):
        return error.exit_code, error.code, error.message, error.hint
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return 130, "interrupted", "Interrupted.", ""
    if _is_usage(error):
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "skullfix"
        return 2, "usage", error.format_message(), f"See {path} --help."  # type: ignore[attr-defined]
    if is_out_of_memory(error):
        hint = "Close other programs, or choose a smaller model or a coarser spacing."
        return 5, "not_enough_memory", f"Not enough memory. {error}".strip(), hint
    hint = "This is a fault of skullfix; run `skullfix --debug …` for the traceback and report it."
    if os.environ.get(DEBUG_VARIABLE, "") not in ("", "0"):
        hint = "This is a fault of skullfix; please report it with the traceback above."
    return 1, "unexpected", f"Unexpected {type(error).__name__}: {error}", hint


def _is_usage(error: BaseException) -> bool:
    """Tell Typer's usage errors, whose class moved between its versions, by what they can do."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _print_failure(message: str, hint: str) -> None:
    """Print ``error: …`` and last ``hint: …`` to stderr, with nothing in them taken as markup."""
    from rich.text import Text

    console = _console(stderr=True)
    lines = [("error:", "bold red", message)] + ([("hint:", "bold cyan", hint)] if hint else [])
    with contextlib.suppress(OSError):  # the exit code says it where stderr cannot be written
        for word, style, text in lines:
            console.print(Text.assemble((word, style), " ", printable(text)), soft_wrap=True)


def printable(text: str) -> str:
    """Replace what a terminal would obey (escape codes in a file name) by its Python escape."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def _plain(value: Any) -> Any:
    """Reduce a value to what JSON knows: paths to text, tuples to lists, NaN to null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "item") and not isinstance(value, str | bytes):  # a NumPy scalar
        return _plain(value.item())
    return value
