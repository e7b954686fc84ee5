"""Ctrl-C in two steps: a wish first, then an order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def two_interrupts(first: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Take the first Ctrl-C as a wish to stop soon; the second one raises KeyboardInterrupt.

    Args:
        first: Called at the first one, from a signal handler.

    Yields:
        Whether the wish was heard.
    """
    wished: list[bool] = []

    def handle(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        wished.append(True)
        first()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: bool(wished)
    finally:
        signal.signal(signal.SIGINT, before)
