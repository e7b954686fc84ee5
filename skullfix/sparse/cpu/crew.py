"""How many threads a piece of work deserves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

SMALL = 4096  # rows below which waking another thread costs more than it saves


def share(rows: int, kernel: Callable[..., Any], *arguments: Any) -> Any:
    """Run a parallel kernel over `rows` rows: on all threads, or on this one if they are few."""
    threads = numba.get_num_threads()
    if rows >= SMALL or threads == 1:
        return kernel(*arguments)
    numba.set_num_threads(1)
    try:
        return kernel(*arguments)
    finally:
        numba.set_num_threads(threads)
