"""How much memory is left, and the refusal to begin what does not fit."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

from skullfix.errors import MemoryLimitError, UsageError
from skullfix.sparse.heap import MOST_KEPT_BYTES, give_back, keep_nothing

LIMIT_VARIABLE = "SKULLFIX_MEMORY"
"""Environment variable: gigabytes that this process may hold, where that is less than is free."""

_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def free_bytes() -> int:
    """Bytes that this process can still take, once what it keeps of freed memory has gone back.

    The least of what the system says is available and what the limits of its control group, of
    the process's address space and of LIMIT_VARIABLE leave.

    Raises:
        UsageError: LIMIT_VARIABLE is no number above zero.
    """
    give_back()
    held = psutil.Process().memory_info()
    left = [int(psutil.virtual_memory().available)]
    for limit, used in _CGROUPS:
        most, now = _number(Path(limit)), _number(Path(used))
        if most is not None and now is not None and most < 2**60:  # larger ones mean none
            left.append(most - now)
    if sys.platform != "win32":
        import resource

        space, _ = resource.getrlimit(resource.RLIMIT_AS)
        if space != resource.RLIM_INFINITY:
            left.append(space - held.vms)
    given = os.environ.get(LIMIT_VARIABLE)
    if given:
        left.append(int(_gigabytes(given) * 1e9) - held.rss)
    return max(min(left), 0)


def keep_only_if_roomy(needed: int, free: int) -> None:
    """Let freed memory go back from now on, where what is kept of it might be missed."""
    if needed + MOST_KEPT_BYTES > free:
        keep_nothing()


def require_bytes(needed: int, what: str) -> None:
    """Refuse work that does not fit, before anything is allocated for it.

    Args:
        needed: Bytes.
        what: That needs them, as the subject of a sentence.

    Raises:
        MemoryLimitError: Less is free.
    """
    free = free_bytes()
    keep_only_if_roomy(needed, free)
    if needed > free:
        hint = "Close other programs, use less of the scan or a coarser grid, or a larger machine."
        given = os.environ.get(LIMIT_VARIABLE)
        raise MemoryLimitError(
            f"{what} needs about {in_words(needed)} of memory; {in_words(free)} are free.",
            hint=f"Raise {LIMIT_VARIABLE} (it is {given}). {hint}" if given else hint,
        )


def in_words(count: int) -> str:
    """Say an amount of memory, bytes, as messages do."""
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


def _number(path: Path) -> int | None:
    """Read a whole number from a file; None where there is none (no limit, no such file)."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _gigabytes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise UsageError(
            f"{LIMIT_VARIABLE} is {text[:40]!r}; a number of gigabytes was expected.",
            hint=f"Write for example {LIMIT_VARIABLE}=4, or leave it out.",
        )
    return value
