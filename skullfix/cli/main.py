"""The command line: one group, one file per command, nothing heavy until a command runs.

To add a command, write ``skullfix/cli/NAME.py`` with a plain function ``NAME`` whose parameters are
Typer's (``Annotated[..., typer.Option(...)]``), or a ``typer.Typer()`` called ``app`` when it has
commands of its own, and add its one line to ``COMMANDS`` below::

    Entry("NAME", "skullfix.cli.NAME:NAME", "What it does, in one sentence."),

``skullfix --help`` prints that sentence and imports nothing of the command. The module is imported
when the command is chosen; it imports its task (and so torch) inside the function::

    def NAME(
        source: Annotated[Path, typer.Argument(help="...")],
        json_output: JsonOption = False,
        quiet: QuietOption = False,
    ) -> None:
        '''What it does (shown by skullfix NAME --help).'''
        with command(json_output, quiet=quiet) as out:      # skullfix/cli/render.py
            out.facts.update(task="NAME", inputs=[str(source)])
            from skullfix.tasks.NAME import NAME as task

            result = task(source, progress=out.progress)
            out.finish(result.document(), text=f"wrote {result.path}")

``command`` turns every exception into its message, hint, exit code and, under ``--json``, into the
result document; a command catches nothing itself.
"""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from skullfix.cli.paths import refuse_empty_paths
from skullfix.cli.render import DEBUG_VARIABLE, report_failure, writing
from skullfix.sparse.heap import keep_freed
from skullfix.version import __version__

_THREADING = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}  # unless set by the user


@dataclass(frozen=True)
class Entry:
    """A command: its name, ``module:attribute`` (a function or a Typer) and its one sentence."""

    name: str
    target: str
    summary: str


COMMANDS = (
    Entry("complete", "skullfix.cli.complete:complete", "Complete a skull, design its implant."),
    Entry("mesh", "skullfix.cli.mesh:mesh", "Make a printable solid of any mask."),
    Entry("batch", "skullfix.cli.batch:app", "Run a task on all cases of a folder; resumable."),
    Entry("upscale", "skullfix.cli.upscale:upscale", "Make a coarse skull mask finer."),
    Entry("refine", "skullfix.cli.refine:refine", "Refine a coarse organ mask."),
    Entry("evaluate", "skullfix.cli.evaluate:evaluate", "Compare a prediction with the truth."),
    Entry("simulate", "skullfix.cli.simulate:app", "Make test cases from intact skulls."),
    Entry("train", "skullfix.cli.train:train", "Train a network on your own data."),
    Entry("weights", "skullfix.cli.weights:app", "List, fetch, check and import checkpoints."),
    Entry("bench", "skullfix.cli.bench:bench", "Measure the engine and its peers."),
    Entry("slicer-module", "skullfix.cli.slicer_module:slicer_module", "Write 3D Slicer modules."),
    Entry("info", "skullfix.cli.info:info", "Show versions, devices, memory and weights."),
    Entry("demo", "skullfix.cli.demo:demo", "Try everything on a generated skull."),
    Entry("completion", "skullfix.cli.completion:completion", "Print a shell's Tab completion."),
)


class LazyGroup(TyperGroup):
    """A group that lists its commands from ``COMMANDS`` and imports only the one that runs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._listing = False
        self._entries = {entry.name: entry for entry in COMMANDS}
        for entry in COMMANDS:
            self.commands[entry.name] = TyperCommand(entry.name, help=entry.summary, callback=None)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help from the one-sentence summaries alone."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete a command's name from the summaries alone."""
        self._listing = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._listing = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, imported now unless only names and summaries are wanted."""
        entry = self._entries.get(cmd_name)
        if entry is None or self._listing:
            return super().get_command(ctx, cmd_name)
        return load(entry)


def load(entry: Entry) -> Any:
    """Import a command's module and make it a command that Typer can run."""
    module, _, attribute = entry.target.partition(":")
    target = getattr(import_module(module), attribute)
    holder = typer.Typer(add_completion=False)
    holder.callback()(lambda: None)  # with a callback it is a group, even of one command
    if isinstance(target, typer.Typer):
        holder.add_typer(target, name=entry.name)
    else:
        holder.command(entry.name)(target)
    command = typer.main.get_group(holder).commands[entry.name]
    refuse_empty_paths(command)
    return command


app = typer.Typer(
    cls=LazyGroup,
    help="""Completed skulls and printable cranial implants from a head CT.

    Example: skullfix demo

    Example: skullfix complete scan.nrrd -o results/
    """,
    epilog="Not a medical device. Every result needs the eye of a clinician.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"skullfix {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help=f"Show tracebacks ({DEBUG_VARIABLE}=1 does the same).")
    ] = False,
) -> None:
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"  # the environment, so that worker processes see it too


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    before = os.environ.get(DEBUG_VARIABLE)
    try:
        with writing():
            # Outside standalone mode Typer returns the code of typer.Exit and raises all else.
            code = typer.main.get_command(app)(words, prog_name="skullfix", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except BaseException as error:
        return report_failure(error, json_output="--json" in words)
    finally:
        if before is None:
            os.environ.pop(DEBUG_VARIABLE, None)
        else:
            os.environ[DEBUG_VARIABLE] = before


def _unwind_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit(143), unless it is taken or ignored already.

    Only the first one counts: ``timeout`` sends it twice, and the second must not stop the tidying.
    """

    def handle(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, lambda *_: None)
        raise SystemExit(128 + number)

    here = os.name == "posix" and threading.current_thread() is threading.main_thread()
    if here and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, handle)


def _leave(codes: list[int]) -> None:
    """End the process now, with what it holds: to free that bit by bit takes a second."""
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):  # full, broken, closed: Python says so, in its own way
        return
    if codes:
        os._exit(codes[0])


def main() -> None:
    """Entry point of the console script ``skullfix``.

    A stream that the caller has closed swallows what is written. SIGTERM ends a command as Ctrl-C
    does, so that it removes its unfinished files.

    Threads of OpenMP that have nothing to do sleep, and numpy's and scipy's matrices are factored
    by one thread, unless the user decides otherwise: where waiting threads spin, two runs side by
    side take much longer, and these matrices are too small to gain by more threads. Memory that
    was freed is kept for what comes next (`keep_freed`).
    """
    codes: list[int] = []
    atexit.register(_leave, codes)  # the first of its kind, so the last to run
    for name, value in _THREADING.items():  # read when the libraries are loaded
        os.environ.setdefault(name, value)
    keep_freed()
    _unwind_on_sigterm()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- stays open
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the console cannot show is no error
            stream.reconfigure(errors="backslashreplace")
    codes.append(run())
    sys.exit(codes[0])
