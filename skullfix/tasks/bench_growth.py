"""How time and memory grow with the number of voxels: the exponent of a power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression, median

from skullfix.tasks.bench import Row


@dataclass(frozen=True)
class Growth:
    """Exponents of one engine and phase: 1 is linear in the voxels.

    Attributes:
        engine: One of `skullfix.tasks.bench.ENGINES`.
        phase: ``forward`` or ``train``.
        time: Fitted to all grids: of the processor's time, or of seconds on a GPU.
        time_at_end: From the last grid but one to the finest, where what does not depend on the
            voxels no longer counts.
        memory: Of peak memory, imports included.
        memory_at_end: Likewise from the last grid but one to the finest.
    """

    engine: str
    phase: str
    time: float
    time_at_end: float
    memory: float
    memory_at_end: float

    def __str__(self) -> str:
        return (
            f"{self.engine}, {self.phase}: time grows as voxels^{self.time:.2f} "
            f"(^{self.time_at_end:.2f} at the finest grids), "
            f"memory as voxels^{self.memory:.2f} (^{self.memory_at_end:.2f})"
        )


def growth(rows: Sequence[Row]) -> list[Growth]:
    """Fit every engine and phase that was measured at two grids or more.

    Args:
        rows: Of `skullfix.tasks.bench.bench`.
    """
    found = []
    for engine, phase in dict.fromkeys((row.engine, row.phase) for row in rows):
        mine = [r for r in rows if (r.engine, r.phase) == (engine, phase) and r.median is not None]
        mine.sort(key=lambda row: row.voxels)
        if len({row.voxels for row in mine}) < 2:
            continue
        voxels = [math.log(row.voxels) for row in mine]
        times = [
            math.log(median(row.seconds if row.peak_gpu_bytes else row.cpu_seconds)) for row in mine
        ]
        memory = [math.log(row.peak_gpu_bytes or row.peak_rss_bytes or 1) for row in mine]
        slopes = [
            linear_regression(voxels[first:], values[first:]).slope
            for values in (times, memory)
            for first in (0, len(mine) - 2)
        ]
        found.append(Growth(engine, phase, *(round(slope, 3) for slope in slopes)))
    return found
