"""What this machine can do: arithmetic in registers, and a triad over arrays larger than caches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from skullfix.sparse.cpu.simd import axpy, load, store, vector16

TURNS = 1 << 22
TRIAD = 1 << 24  # numbers of an array: 64 MB


@numba.njit(parallel=True)
def _multiply_add(out: Any, turns: int) -> None:  # pragma: no cover (compiled)
    """Keep eight registers of 16 lanes busy on every thread."""
    for thread in numba.prange(len(out)):
        mine = out[thread]
        w, s = load(vector16(mine), mine, 0), mine[0]
        a0, a1, a2, a3, a4, a5, a6, a7 = w, w, w, w, w, w, w, w
        for _ in range(turns):
            a0, a1, a2, a3 = axpy(a0, s, w), axpy(a1, s, w), axpy(a2, s, w), axpy(a3, s, w)
            a4, a5, a6, a7 = axpy(a4, s, w), axpy(a5, s, w), axpy(a6, s, w), axpy(a7, s, w)
        for i, a in enumerate((a0, a1, a2, a3, a4, a5, a6, a7)):
            store(mine, i * 16, a)


@numba.njit(parallel=True)
def _triad(a: Any, b: Any, c: Any) -> None:  # pragma: no cover (compiled)
    for i in numba.prange(len(a)):
        a[i] = b[i] + numba.float32(3) * c[i]


def processor_seconds(work: Callable[[], Any], runs: int) -> float:
    """Shortest time of several runs on the processor's clock, all threads together."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


@dataclass(frozen=True)
class Ceilings:
    """What the machine can do: operations and bytes a second."""

    arithmetic: float
    memory: float

    def __str__(self) -> str:
        return f"{self.arithmetic / 1e9:.1f} GFLOP/s, {self.memory / 1e9:.1f} GB/s"

    def or_better(self, other: Ceilings) -> Ceilings:
        """Take the higher of each."""
        return Ceilings(max(self.arithmetic, other.arithmetic), max(self.memory, other.memory))


def ceilings(threads: int, runs: int = 3) -> tuple[Ceilings, Ceilings]:
    """Measure a number of threads: by the processor's clock for each thread's share, and by a wall
    clock, which on a shared machine is less."""
    numba.set_num_threads(threads)
    out = np.full((threads, 128), 1e-9, np.float32)
    a, b, c = (np.ones(TRIAD, np.float32) for _ in range(3))
    _multiply_add(out, 1)
    _triad(a, b, c)
    operations, size = threads * TURNS * 8 * 16 * 2, 3 * a.nbytes
    rates = []
    for work, amount in (
        (lambda: _multiply_add(out, TURNS), operations),
        (lambda: _triad(a, b, c), size),
    ):
        start = time.perf_counter()
        own = processor_seconds(work, runs) / threads
        wall = (time.perf_counter() - start) / runs
        rates.append((amount / own, amount / wall))
    (arithmetic, busy_arithmetic), (memory, busy_memory) = rates
    return Ceilings(arithmetic, memory), Ceilings(busy_arithmetic, busy_memory)
