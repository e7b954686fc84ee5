"""Voxel sets through numbered cells: parents, children and unions.

    rows -> numbers of their cells in a box -> distinct ones in ascending order -> rows

Cells are numbered in the order of rows, so ascending numbers are sorted rows. Where the box is full
enough, the numbers are not sorted but marked: ``marks[cell] = True``, then the marked ones listed.
Every thread writes the same value, so the order of writing does not matter.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from skullfix.sparse.backend import check_cap, check_children
from skullfix.sparse.cuda.bitmap import Box, box_of
from skullfix.sparse.relation import Relation
from skullfix.sparse.voxels import VoxelSet

MARKED = 64  # cells a number up to which marking is faster than sorting
MOST_MARKS = 1 << 30  # cells, a byte each
MOST_ROWS = (1 << 31) - 1  # rows are counted in 32 bits


def parents(voxels: VoxelSet) -> VoxelSet:
    """Find the voxels of the halved coordinates."""
    inner = box_of(voxels)
    box = Box(voxels.batch_size, _halved(inner.low), _halved(inner.high))
    halved = voxels.coordinates.clone()
    halved[:, 1:] >>= 1
    return _set_of(_distinct(iter([box.number(halved)]), len(voxels), box), box)


def children(voxels: VoxelSet, relation: Relation, cap: int) -> VoxelSet:
    """Generate the children under UP2 or UP4; see `Backend.generate`."""
    check_children(voxels, relation, cap)
    inner, reach = box_of(voxels), relation.width - 1
    z, y, x = inner.low
    last_z, last_y, last_x = inner.high
    box = Box(
        voxels.batch_size,
        (2 * z, 2 * y, 2 * x),
        (2 * last_z + reach, 2 * last_y + reach, 2 * last_x + reach),
    )
    doubled = voxels.coordinates.clone()
    doubled[:, 1:] *= 2
    first = box.number(doubled)
    _, _, height, length = box.shape
    numbers = (
        first + ((dz * height + dy) * length + dx)
        for dz, dy, dx in itertools.product(range(relation.width), repeat=3)
    )
    return _set_of(_distinct(numbers, 8 * len(voxels), box, cap), box)


def join(first: VoxelSet, second: VoxelSet) -> VoxelSet:
    """Join two sets; gives `first` itself where it holds all of `second`."""
    batch = max(first.batch_size, second.batch_size)
    boxes = [box_of(voxels) for voxels in (first, second) if len(voxels)]
    if not boxes:
        return VoxelSet(first.coordinates, batch)
    low = [min(column) for column in zip(*(box.low for box in boxes), strict=True)]
    high = [max(column) for column in zip(*(box.high for box in boxes), strict=True)]
    box = Box(batch, (low[0], low[1], low[2]), (high[0], high[1], high[2]))
    numbers = (box.number(voxels.coordinates) for voxels in (first, second))
    cells = _distinct(numbers, len(first) + len(second), box)
    if len(cells) == len(first) and batch == first.batch_size:
        return first
    return _set_of(cells, box)


def _halved(corner: tuple[int, int, int]) -> tuple[int, int, int]:
    z, y, x = corner
    return z >> 1, y >> 1, x >> 1


def _distinct(numbers: Iterator[Tensor], count: int, box: Box, cap: int = MOST_ROWS) -> Tensor:
    """Give the distinct ones of several tensors of cell numbers, about `count`, ascending."""
    found = next(numbers)
    if box.cells > min(MARKED * count, MOST_MARKS):
        found = torch.unique(found)
        for more in numbers:
            found = torch.unique(torch.cat([found, more]))
            check_cap(len(found), cap)
        return found
    marks = torch.zeros(box.cells, dtype=torch.bool, device=found.device)
    marks.index_fill_(0, found, True)
    for more in numbers:
        marks.index_fill_(0, more, True)
    check_cap(int(marks.sum()), cap)
    return marks.nonzero()[:, 0]


def _set_of(cells: Tensor, box: Box) -> VoxelSet:
    """Make the set of ascending cell numbers."""
    return VoxelSet(box.coordinates(cells), box.batch)
