"""How much memory a piece of work took at its worst."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

import psutil

INTERVAL_S = 0.02  # between two looks at the process


class MemoryWatch:
    """The largest resident size of this process while the block runs; may be entered again.

    The system's own record of the process is exact, but cannot be begun anew: it counts where the
    block broke it. Else the sizes that a thread saw during the block count.

    Attributes:
        peak: Bytes, over all blocks so far; 0 before the first.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._record = 0

    def __enter__(self) -> MemoryWatch:
        self._record = _record_bytes()
        self._look()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(self._ended,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._look()
        record = _record_bytes()
        if record > self._record:
            self.peak = max(self.peak, record)

    def _follow(self, ended: threading.Event) -> None:
        while not ended.wait(INTERVAL_S):
            self._look()

    def _look(self) -> None:
        self.peak = max(self.peak, int(self._process.memory_info().rss))


def _record_bytes() -> int:
    """Largest resident size of this process since it began, as the system knows it."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
