"""What the first run on a machine says: the device, the threads, and that kernels are compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

COMPILING = "about 20 s"


@dataclass(frozen=True)
class KernelCache:
    """Where numba keeps the engine's compiled kernels.

    Attributes:
        folder: The folder; None where no folder can be written.
        compiled: Whether kernels for this Python lie there already.
    """

    folder: Path | None
    compiled: bool


def kernel_cache() -> KernelCache | None:
    """Find the compiled kernels; imports the engine, compiles nothing. None without numba."""
    from skullfix.sparse.jit import has_numba

    if not has_numba():
        return None
    from skullfix.sparse.cpu.marks import extremes as kernel  # the first that any run needs

    if kernel.stats.cache_path is None:
        return KernelCache(None, False)
    folder = Path(kernel.stats.cache_path)
    line = kernel.py_func.__code__.co_firstlineno
    name = f"marks.extremes-{line}.py{sys.version_info.major}{sys.version_info.minor}*.nbi"
    return KernelCache(folder, any(folder.glob(name)))


def announce_first_run(
    backend: str, threads: int, tell: Callable[[str], None], device: str = "cpu"
) -> None:
    """Say what a first run does, or why every run is slow; a usual run says nothing.

    Args:
        backend: What ``--backend`` asks for.
        threads: Threads in use.
        tell: Shows a line, or begins a stage of that name.
        device: What ``--device`` asks for.

    Raises:
        UsageError: There is no such device, or the backend cannot run on it.
    """
    from skullfix.sparse.backend import get_backend
    from skullfix.sparse.cuda.available import missing
    from skullfix.sparse.device import choose_device

    place = choose_device(device, backend)
    engine, cache = get_backend(backend, place).name, kernel_cache()
    if place.type == "cuda" and (backend, engine) == ("auto", "reference"):
        tell(f"{missing()}: the engine {engine!r} runs on the GPU, which is slower")
    elif place.type != "cpu":
        return
    elif cache is None:
        if backend == "auto":
            tell(f"numba cannot be imported: the engine {engine!r} runs, which is slower")
    elif engine == "cpu" and cache.folder is None:
        tell(
            f"cpu, {threads} threads; kernels are compiled at every run, {COMPILING}: no folder "
            "for them can be written (set NUMBA_CACHE_DIR)"
        )
    elif engine == "cpu" and not cache.compiled:
        tell(f"first run: cpu, {threads} threads; kernels are compiled once, {COMPILING}")
