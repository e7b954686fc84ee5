"""Work shared out between threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

from skullfix.sparse.jit import thread_count

T = TypeVar("T")


def in_parts(count: int, fewest: int, work: Callable[[int, int], T]) -> list[T]:
    """Do work on items 0 to `count` in as many parts as there are threads.

    Args:
        count: Items.
        fewest: Of them that are worth a thread.
        work: Called with the first item of a part and the one after its last; to run beside
            itself it must leave Python's lock, as compiled functions and scipy's filters do.

    Returns:
        What it gave for each part, in order.
    """
    shares = max(1, min(thread_count(), count // fewest))
    if shares == 1:
        return [work(0, count)]
    ends = [count * k // shares for k in range(shares + 1)]
    with ThreadPoolExecutor(shares) as pool:
        return list(pool.map(lambda part: work(*part), pairwise(ends)))
