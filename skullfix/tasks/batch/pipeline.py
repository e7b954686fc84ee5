"""Cases on this machine: one is computed while the next is read and the last one written.

The calling thread computes, one case after the other; a thread reads one case ahead and a thread
writes one case behind, so that at most three cases are in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from skullfix.tasks.batch.admit import Admission, Rules
from skullfix.tasks.batch.books import Books
from skullfix.tasks.batch.case import Case, Outcome
from skullfix.tasks.batch.work import Work

_LOOK_S = 0.2  # how often a waiting thread looks around: on Windows only then Ctrl-C is seen


@dataclass(frozen=True, eq=False)
class _Item:
    """A case between two of the threads; `read` and `result` may be outcomes of failures."""

    admission: Admission
    read: Any
    result: Any = None


def run_here(
    cases: Sequence[Case],
    rules: Rules,
    work: Work,
    model: Any,
    books: Books,
    stop: Callable[[], bool],
) -> None:
    """Try all cases.

    Args:
        cases: In this order.
        rules: Decide which are tried.
        work: Does a case.
        model: For all of them.
        books: Where their ends are written.
        stop: Asked between cases; when it says so, the case in hand is finished, no other begun.

    Raises:
        OutputError: The journal cannot be kept.
    """
    ahead, behind = _Hatch(), _Hatch()
    computing: list[str] = [""]

    def stage(case: Case) -> Callable[[str, float | None], None]:
        def tell(name: str, fraction: float | None) -> None:
            if computing[0] == case.name:
                books.listener.stage(case.name, name)

        return tell

    def read_one(case: Case) -> _Item:
        admission = rules.admit(case)
        return _Item(admission, admission.ended or work.read(case, stage(case)))

    def compute_one(item: _Item) -> _Item:
        if isinstance(item.read, Outcome):
            return item
        case = item.admission.case
        computing[0] = case.name
        books.begin(item.admission)
        return replace(item, result=work.compute(case, item.read, model))

    def write_one(item: _Item) -> None:
        end = item.read if isinstance(item.read, Outcome) else item.result
        if not isinstance(end, Outcome):
            end = work.write(item.admission.case, item.read, end)
        books.end(item.admission, end, earlier=item.admission.earlier)

    # No loop keeps its last item while it waits: it would be one more case in memory.

    def read_all() -> None:
        for case in cases:
            if stop() or not ahead.wait_for_room():
                return
            ahead.put(read_one(case))

    def write_all() -> None:
        while (item := behind.take()) is not None:
            write_one(item)
            item = None
            behind.make_room()

    with _Helper(read_all, ahead) as reader, _Helper(write_all, behind) as writer:
        while (item := ahead.take()) is not None and not stop() and not writer.failed:
            ahead.make_room()
            item = compute_one(item)
            if behind.wait_for_room():
                behind.put(item)
            item = None
        ahead.close()
        behind.finish()
        writer.join()
        reader.join()


class _Hatch:
    """A place for one item between two threads; nothing is prepared before there is room."""

    def __init__(self) -> None:
        self._items: SimpleQueue[_Item | None] = SimpleQueue()
        self._room = threading.Semaphore(1)
        self._closed = threading.Event()

    def wait_for_room(self) -> bool:
        """Wait until the last item was taken; False when no more are wanted."""
        while not self._closed.is_set():
            if self._room.acquire(timeout=_LOOK_S):
                return not self._closed.is_set()
        return False

    def put(self, item: _Item) -> None:
        """Hand an item over, after `wait_for_room`."""
        self._items.put(item)

    def take(self) -> _Item | None:
        """Wait for an item; None when none will come."""
        while True:
            try:
                return self._items.get(timeout=_LOOK_S)
            except Empty:
                continue

    def make_room(self) -> None:
        """Let the other side prepare the next item."""
        self._room.release()

    def finish(self) -> None:
        """Say that no item will come."""
        self._items.put(None)

    def close(self) -> None:
        """Say that no more items are wanted."""
        self._closed.set()


class _Helper:
    """A thread whose error is raised in the thread that waits for it."""

    def __init__(self, body: Callable[[], None], hatch: _Hatch) -> None:
        self._error: BaseException | None = None
        self._hatch = hatch
        self._body = body
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self._error is not None

    def __enter__(self) -> _Helper:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._hatch.close()
        self._hatch.finish()

    def join(self) -> None:
        """Wait for its end.

        Raises:
            BaseException: What it ended with.
        """
        while self._thread.is_alive():
            self._thread.join(_LOOK_S)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._body()
        except BaseException as error:  # raised again by join
            self._error = error
        finally:
            self._hatch.close()
            self._hatch.finish()
