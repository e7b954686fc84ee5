"""Functions compiled by numba: kept on disk where a folder can be written, compiled anew where not.

numba looks for a folder in NUMBA_CACHE_DIR, beside the source, and in the user's cache, and refuses
to keep a function where it finds none: an installation that only root may write, for a user without
a home. There every process compiles for itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from skullfix.errors import UsageError


@functools.cache
def has_numba() -> bool:
    """Whether numba can be imported: installed, for this NumPy, its library not held back.

    Raises:
        UsageError: One of numba's environment variables has a value that it refuses.
    """
    try:
        import numba  # noqa: F401
    except (ImportError, OSError):  # the latter of llvmlite, where its library does not load
        return False
    except ValueError as error:
        raise UsageError(
            f"numba refuses its environment variables: {str(error).rstrip('.')}.",
            hint="Correct or unset NUMBA_NUM_THREADS and the other variables named NUMBA_….",
        ) from error
    return True


def thread_count() -> int:
    """How many threads compiled functions may use: numba's, see `set_threads`; 1 without numba."""
    if not has_numba():
        return 1
    import numba

    return int(numba.get_num_threads())


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that needs no Python; without numba it stays as it is.

    Args:
        **options: Of numba.njit: ``parallel``, ``inline``.
    """

    def compile_lazily(function: Callable[..., Any]) -> Any:
        if not has_numba():
            return function
        import numba

        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # no folder to keep it in
            return numba.njit(nogil=True, **options)(function)

    return compile_lazily
