"""Work that others need not wait for, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from skullfix.sparse.jit import thread_count


def beside() -> Executor:
    """Give one more thread, or the caller's own where only one may be used (`set_threads`).

    Leaving the block waits for what was submitted.
    """
    return ThreadPoolExecutor(1) if thread_count() > 1 else _AtOnce()


class _AtOnce(Executor):
    """Does what is submitted before it returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done
