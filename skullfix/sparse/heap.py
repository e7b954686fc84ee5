"""What the C library does with memory that was freed: keeps it for the next array, or not.

glibc gives every freed block above 32 MB back to the system, which clears each page again when the
next block is taken. A network and a mesh take and free hundreds of such blocks: kept, they are
there at once.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_… of malloc.h
_LARGEST_BLOCK = 1 << 30  # larger ones go back at once
_DEFAULTS = (1 << 25, 1 << 17)  # of glibc: the most that its first threshold grows to, its second

MOST_KEPT_BYTES = 1 << 30
"""What may be kept at the end of the heap."""


def keep_freed() -> None:
    """Keep blocks of up to 1 GB, and as much at the end; only glibc, unless MALLOC_… is set."""
    _set_thresholds(_LARGEST_BLOCK, MOST_KEPT_BYTES)


def keep_nothing() -> None:
    """Let freed blocks go back again, where memory is short."""
    _set_thresholds(*_DEFAULTS)
    give_back()


def give_back() -> None:
    """Give what is kept back to the system."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _set_thresholds(block: int, end: int) -> None:
    library = _glibc()
    if library is not None and not any(name.startswith("MALLOC_") for name in os.environ):
        library.mallopt(_MMAP_THRESHOLD, block)
        library.mallopt(_TRIM_THRESHOLD, end)


def _glibc() -> Any:
    """Give the process's C library, None where it is no glibc."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # the latter on Windows
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None
