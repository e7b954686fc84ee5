"""The result document that every task returns, prints with --json and writes beside its outputs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from skullfix.files.whole import whole_file
from skullfix.tasks.memory import MemoryWatch

Progress = Callable[[str, float | None], None]


@runtime_checkable
class Notes(Protocol):
    """A progress callback that can also show a remark."""

    def note(self, text: str) -> None:
        """Show a remark that is no stage."""


class Stopwatch:
    """Seconds and memory of the stages of a task, told to a progress callback as they begin."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._memory = MemoryWatch()

    @property
    def peak_memory_bytes(self) -> int:
        """Largest resident size of this process during the stages so far."""
        return self._memory.peak

    def tell(self, what: str) -> None:
        """Report something that is no stage."""
        listener: object = self._progress
        if isinstance(listener, Notes):
            listener.note(what)
        elif self._progress is not None:
            self._progress(what, None)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        if self._progress is not None:
            self._progress(name, None)
        start = time.perf_counter()
        try:
            with self._memory:
                yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write a document as JSON.

    Raises:
        OutputError: The file exists already or cannot be written.
    """
    with whole_file(path) as file:
        file.write((json.dumps(document, indent=2, default=str) + "\n").encode())
