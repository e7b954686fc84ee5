"""What the first run on a machine says: the device, the threads, and that kernels are compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KernelCache:
    """Where numba keeps the engine's compiled kernels.

    Attributes:
        folder: The folder.
        compiled: Whether kernels for this Python lie there already.
    """

    folder: Path
    compiled: bool


def kernel_cache() -> KernelCache:
    """Find the compiled kernels; imports the engine, compiles nothing."""
    from skullfix.sparse.cpu.marks import extremes as kernel  # the first that any run needs

    folder = Path(kernel.stats.cache_path or "")
    line = kernel.py_func.__code__.co_firstlineno
    name = f"marks.extremes-{line}.py{sys.version_info.major}{sys.version_info.minor}*.nbi"
    return KernelCache(folder, any(folder.glob(name)))


def announce_first_run(backend: str, threads: int, tell: Callable[[str], None]) -> None:
    """Say what a first run does; later runs say nothing.

    Args:
        backend: What ``--backend`` asks for.
        threads: Threads in use.
        tell: Shows a line, or begins a stage of that name.
    """
    from skullfix.sparse.backend import get_backend

    if get_backend(backend).name == "cpu" and not kernel_cache().compiled:
        tell(f"first run: cpu, {threads} threads; kernels are compiled once, about 10 s")
