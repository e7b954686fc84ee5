"""Progress of long work: a bar on a terminal, a line a stage elsewhere, nothing with --quiet."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Reporter:
    """The callback ``progress(stage, fraction)`` that tasks report through; a context manager.

    A stage begins at the first call that names it and ends at the first call that names another.
    Everything goes to stderr.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._stage = ""
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(
        self, stage: str, fraction: float | None = None, *, size: int | None = None
    ) -> None:
        """Report that ``stage`` runs and how much of it is done.

        Args:
            stage: What runs, in a few words.
            fraction: The part that is done, 0..1; None when unknown.
            size: Bytes of the whole stage where it moves bytes, for its rate.
        """
        if self._quiet:
            return
        if stage != self._stage:
            self._end_stage()
            self._begin_stage(stage, size)
        if self._bar is not None and self._task is not None and fraction is not None:
            self._bar.update(self._task, total=1.0, completed=min(max(fraction, 0.0), 1.0))

    def note(self, text: str) -> None:
        """Show a remark on a line of its own."""
        from skullfix.cli.render import printable

        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(printable(text), markup=False, highlight=False, emoji=False)
        else:
            sys.stderr.write(f"{printable(text)}\n")
            sys.stderr.flush()

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._end_stage()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _begin_stage(self, stage: str, size: int | None) -> None:
        self._stage = stage
        if self._bar is None and not self._open_bar():
            sys.stderr.write(f"{stage}\n")
            sys.stderr.flush()
        if self._bar is not None:
            self._task = self._bar.add_task(stage, total=None, size=size)

    def _end_stage(self) -> None:
        if self._bar is not None and self._task is not None:
            if self._bar.tasks[self._task].total is None:  # nobody could say how far it was
                self._bar.update(self._task, total=1.0, completed=1.0)
            self._bar.stop_task(self._task)
            self._task = None

    def _open_bar(self) -> bool:
        """Start the bar where stderr is a terminal that can move its cursor."""
        if not sys.stderr.isatty():
            return False
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Task as RichTask
        from rich.text import Text

        class Rate(ProgressColumn):
            """Megabytes a second of a stage that moves bytes."""

            def render(self, task: RichTask) -> Text:
                size, speed = task.fields["size"], task.finished_speed or task.speed
                return Text(f"{size * speed / 1e6:.1f} MB/s" if size and speed else "")

        console = Console(file=sys.stderr)
        if console.is_dumb_terminal:
            return False
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            Rate(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bar.start()
        return True
