"""Does a case fit in memory? Asked before the work; where it does not, less is worked on.

The estimate was measured on a head CT and its mask at 7, 59 and 118 million voxels
(tests/benchmarks/RESULTS.md): beside the scan itself, the work held at most 5.2 bytes a voxel of
the grid and, at the smallest, 0.2 GB that do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skullfix.errors import MemoryLimitError
from skullfix.images.box import Index, bounding_box, crop
from skullfix.images.head import coarse_steps, find_head
from skullfix.images.read import Scan
from skullfix.images.room import free_bytes
from skullfix.images.volume import Geometry, Volume

FIXED_BYTES = 350_000_000
"""The network, its libraries, the surface of the implant."""

WORK_BYTES = 6
"""For each voxel worked on, beside the scan: bone, its pieces, candidate, implant."""

OUTPUT_BYTES = 4
"""For each voxel of the input's grid, where only a part was worked on: the masks to be written."""

MARGIN_MM = 12.0
"""Kept around the head."""


@dataclass(frozen=True, eq=False)
class Workplace:
    """What is worked on, and where it lies on the input's grid.

    Attributes:
        scan: The input or a part of it.
        grid: The input's.
        low: Index (z, y, x) of the part's first voxel.
        needed_bytes: The estimate for this part.
        free_bytes: What was free then.
        steps: What was given up for lack of memory, one sentence each.
    """

    scan: Scan
    grid: Geometry
    low: Index
    needed_bytes: int
    free_bytes: int
    steps: tuple[str, ...] = ()


def make_room(scan: Scan, kind: str) -> Workplace:
    """Choose what to work on: the whole scan where that fits, else the head alone.

    Args:
        scan: As it was read.
        kind: ``ct`` or ``mask``.

    Raises:
        MemoryLimitError: Not even the head fits.
    """
    grid, free = scan.volume.geometry, free_bytes()
    needed = FIXED_BYTES + WORK_BYTES * scan.volume.array.size
    whole = Workplace(scan, grid, (0, 0, 0), needed, free)
    return whole if needed <= free else narrowed(whole, kind)


def narrowed(place: Workplace, kind: str) -> Workplace:
    """Take the next step down: from the whole scan to the head.

    Args:
        place: What did not fit.
        kind: ``ct`` or ``mask``.

    Raises:
        MemoryLimitError: There is no smaller step, or it does not fit either.
    """
    hint = "Close other programs, crop the scan to the head, or use a machine with more memory."
    volume, free = place.scan.volume, free_bytes()
    if place.steps:
        raise MemoryLimitError(
            f"The head alone, {volume.array.size:,} voxels, needs about {_gb(place.needed_bytes)} "
            f"of memory; {_gb(free)} are free.",
            hint=hint,
        )
    low, high = _head_box(volume, kind)
    part = int(np.prod(np.subtract(high, low)))
    itemsize = int(volume.array.itemsize)
    needed = FIXED_BYTES + (WORK_BYTES + itemsize) * part + OUTPUT_BYTES * volume.array.size
    room = free + volume.array.nbytes  # the scan is let go
    if itemsize * part > free or needed > room:
        raise MemoryLimitError(
            f"This scan of {volume.array.size:,} voxels needs about {_gb(place.needed_bytes)} of "
            f"memory beside itself, cropped to the head ({part:,} voxels) {_gb(needed)} with it; "
            f"{_gb(free)} are free, {_gb(room)} without the scan.",
            hint=hint,
        )
    step = (
        f"The scan was cropped to the head ({part:,} of {volume.array.size:,} voxels), because the "
        f"whole needs about {_gb(place.needed_bytes)} of memory and {_gb(free)} were free."
    )
    inner = crop(volume, low, high)
    scan = replace(place.scan, volume=Volume(inner.array.copy(), inner.geometry))
    return Workplace(scan, place.grid, low, needed, room, (step,))


def on_whole_grid(mask: Volume, place: Workplace) -> Volume:
    """Put a mask of the part back onto the input's grid, bool."""
    if mask.geometry == place.grid:
        return mask
    whole = np.zeros(place.grid.shape, bool)
    whole[tuple(slice(a, a + n) for a, n in zip(place.low, mask.array.shape, strict=True))] = (
        mask.array
    )
    return Volume(whole, place.grid)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on any device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in text for words in ("out of memory", "not enough memory", "t allocate"))
    )


def _head_box(volume: Volume, kind: str) -> tuple[Index, Index]:
    """First and last + 1 index (z, y, x) of the head and its margin; of all where there is none."""
    z, y, x = volume.geometry.spacing[::-1]
    if kind == "mask":
        steps, found = (1, 1, 1), bounding_box(volume.array)
    else:
        steps = coarse_steps((z, y, x))
        found = bounding_box(find_head(volume.array, (z, y, x), steps))
    shape = volume.array.shape
    if found is None:
        return (0, 0, 0), (shape[0], shape[1], shape[2])
    margin = [int(np.ceil(MARGIN_MM / size)) for size in (z, y, x)]
    first = [max(a * s - m, 0) for a, s, m in zip(found[0], steps, margin, strict=True)]
    last = [min(b * s + m, n) for b, s, m, n in zip(found[1], steps, margin, shape, strict=True)]
    return (first[0], first[1], first[2]), (last[0], last[1], last[2])


def _gb(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
