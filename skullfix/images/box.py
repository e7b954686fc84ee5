"""Boxes around what a mask holds, and the parts of volumes within them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.images.volume import Geometry, Volume

Index = tuple[int, int, int]


def slices(low: Index, high: Index) -> tuple[slice, slice, slice]:
    """Give the box from index `low` to `high` (exclusive), both (z, y, x), as slices."""
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def part_of(grid: Geometry, low: Index, high: Index) -> Geometry:
    """Give the part of a grid from index `low` to `high` (exclusive), both (z, y, x).

    The indices may lie outside: the grid goes on there.
    """
    x, y, z = (grid.affine() @ np.array([*low[::-1], 1.0]))[:3].tolist()
    size = (high[2] - low[2], high[1] - low[1], high[0] - low[0])
    return Geometry(size, grid.spacing, (x, y, z), grid.direction)


def crop(volume: Volume, low: Index, high: Index) -> Volume:
    """Take the part from index `low` to `high` (exclusive), both (z, y, x), with its geometry."""
    return Volume(volume.array[slices(low, high)], part_of(volume.geometry, low, high))


def widened(box: tuple[Index, Index], grid: Geometry, margin_mm: float) -> tuple[Index, Index]:
    """Widen a box of first and last + 1 index (z, y, x) by a margin, within a grid."""
    margins = [int(np.ceil(margin_mm / size)) for size in grid.spacing[::-1]]
    z, y, x = (max(first - m, 0) for first, m in zip(box[0], margins, strict=True))
    d, h, w = (min(last + m, n) for last, m, n in zip(box[1], margins, grid.shape, strict=True))
    return (z, y, x), (d, h, w)


def bounding_box(
    mask: NDArray[np.bool_ | np.unsignedinteger], margin: int = 0
) -> tuple[Index, Index] | None:
    """Find the first and last + 1 index (z, y, x) that is not zero, widened and clipped.

    None if there is none.
    """
    low, high = [], []
    for axis in range(3):
        line = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if not len(line):
            return None
        low.append(max(0, int(line[0]) - margin))
        high.append(min(mask.shape[axis], int(line[-1]) + 1 + margin))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
