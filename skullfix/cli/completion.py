"""``skullfix completion``: the script by which a shell completes this command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from skullfix.cli.render import command

PROGRAM = "skullfix"
VARIABLE = "_SKULLFIX_COMPLETE"  # what the scripts set and Typer looks for


class Shell(StrEnum):
    """The shells that can be served."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="Whose script to print.")],
) -> None:
    """Print the script that completes commands and options with the Tab key.

    Example: skullfix completion bash > ~/.local/share/bash-completion/completions/skullfix

    Example: skullfix completion fish > ~/.config/fish/completions/skullfix.fish

    For zsh, put the script into a file _skullfix in a folder of $fpath.
    """
    with command(False) as out:
        out.finish({}, script(shell))


def script(shell: Shell) -> str:
    """Return Typer's own script for a shell.

    zsh loads a file of ``$fpath`` at the first Tab and runs it as the completion itself, so there
    the script ends by answering that first Tab too.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    text = get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell.value)
    if shell is Shell.ZSH:
        text += f'\n[ "$funcstack[1]" = "_{PROGRAM}" ] && _{PROGRAM}_completion "$@"'
    return text
