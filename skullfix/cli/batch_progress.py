"""The progress of a batch: one live line on a terminal, a line a case elsewhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from skullfix.cli.render import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from skullfix.tasks.batch.case import Outcome

_STOPPING = "finishing the case in hand; Ctrl-C again stops at once"


class BatchProgress:
    """Listens to a batch and shows how it goes, on stderr; a context manager.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._total = self._ended = self._failed = self._computed = 0
        self._start = time.monotonic()
        self._now = ""
        self._live: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> BatchProgress:
        if not self._quiet and sys.stderr.isatty():
            self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def total(self, cases: int) -> None:
        """Hear how many cases there are."""
        self._total = cases
        self._start = time.monotonic()
        self._show()

    def note(self, text: str) -> None:
        """Show a remark."""
        self._line(text)

    def stage(self, case: str, stage: str) -> None:
        """Show what is being computed."""
        self._now = f"{case}: {stage}" if case else stage
        self._show()

    def ended(self, outcome: Outcome, earlier: bool) -> None:
        """Count a case; tell of it where lines are printed, of failures everywhere."""
        self._ended += 1
        self._failed += outcome.failed
        self._computed += not earlier
        if self._live is None or outcome.failed:
            self._line(f"[{self._ended}/{self._total}] {_sentence(outcome, earlier)}")
        self._show()

    def stopping(self) -> None:
        """Answer the first Ctrl-C; called from a signal handler."""
        if self._live is None:
            if not self._quiet:
                os.write(2, f"{_STOPPING}\n".encode())
            return
        self._now = _STOPPING
        self._show()

    def _line(self, text: str) -> None:
        if self._quiet:
            return
        if self._live is not None:
            self._live.console.print(printable(text), markup=False, highlight=False, emoji=False)
        else:
            sys.stderr.write(f"{printable(text)}\n")
            sys.stderr.flush()

    def _show(self) -> None:
        if self._live is None or self._task is None:
            return
        self._live.update(
            self._task,
            total=self._total or None,
            completed=self._ended,
            now=printable(self._now),
            pace=self._pace(),
            failed=f"{self._failed} failed" if self._failed else "",
        )

    def _pace(self) -> str:
        """Say how fast it goes and how long it will take, from the cases that were computed."""
        if not self._computed:
            return ""
        each = (time.monotonic() - self._start) / self._computed
        left = round(each * (self._total - self._ended))
        clock = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
        return f"{60 / each:.1f} a minute, {clock} left"

    def _open(self) -> None:
        """Start the live line where the terminal can move its cursor."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = Console(file=sys.stderr)
        if console.is_dumb_terminal:
            return
        self._live = Progress(
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[pace]}", markup=False),
            TextColumn("{task.fields[failed]}", style="bold red", markup=False),
            TextColumn("{task.fields[now]}", markup=False),
            console=console,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._task = self._live.add_task("", total=None, now="", pace="", failed="")


def _sentence(outcome: Outcome, earlier: bool) -> str:
    """Say how a case ended."""
    when = " in an earlier run" if earlier else ""
    if outcome.error is not None:
        return f"{outcome.case}: failed{when}: {outcome.error['message']}"
    took = "" if earlier else f", {sum(outcome.seconds.values()):.1f} s"
    return f"{outcome.case}: {outcome.status.replace('_', ' ')}{when}{took}"
