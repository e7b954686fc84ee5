"""No path of a command line is empty: ``""`` would mean the current folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

from skullfix.errors import UsageError


def refuse_empty_paths(node: Any) -> None:
    """Make a command, or all commands of a group, refuse an empty path where a path is expected.

    An unset shell variable gives one. It is seen before Typer makes ``Path(".")`` of it.

    Args:
        node: Typer's object for the command or the group; changed in place.
    """
    for child in getattr(node, "commands", {}).values():
        refuse_empty_paths(child)
    hints = get_type_hints(node.callback) if node.callback is not None else {}
    for parameter in node.params:
        hint = hints.get(parameter.name)
        if Path in (hint, *get_args(hint)):
            _watch(parameter)


def _watch(parameter: Any) -> None:
    """Look at a parameter's words before they are read."""
    process = parameter.process_value

    def checked(ctx: Any, value: Any) -> Any:
        if "" in (value if isinstance(value, list | tuple) else (value,)):
            raise UsageError(
                f"{_name(parameter)} is empty; a path was expected.",
                hint="Is a shell variable of this command line unset? Write . for this folder.",
            )
        return process(ctx, value)

    parameter.process_value = checked


def _name(parameter: Any) -> str:
    """Name a parameter as the help does: its longest option, or the argument's word."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name.upper())
