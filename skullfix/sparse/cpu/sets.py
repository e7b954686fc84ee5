"""The voxel sets of the `cpu` engine: made, joined and indexed through bitmaps."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from skullfix.sparse.backend import check_cap, check_children
from skullfix.sparse.cpu.bitmap import Bitmap, Box, count_before, list_bits
from skullfix.sparse.cpu.crew import share
from skullfix.sparse.cpu.marks import extremes, mark, mark_children, slab_starts
from skullfix.sparse.relation import Relation
from skullfix.sparse.voxels import VoxelSet


def bitmap_of(voxels: VoxelSet) -> Bitmap:
    """Return the set's bitmap, built at first use and kept with the set."""
    if not isinstance(voxels.index, Bitmap):
        rows = voxels.coordinates.numpy()
        low, high = share(len(rows), extremes, rows) if len(rows) else ((0,) * 3, (0,) * 3)
        box = Box.around(voxels.batch_size, low, high)
        words = box.cleared()
        share(len(rows), mark, words, box.frame, rows, slab_starts(rows, 0), 0)
        voxels.index = Bitmap(words, count_before(words)[0], box)
    return voxels.index


def parents(voxels: VoxelSet) -> VoxelSet:
    """Find the voxels of the halved coordinates."""
    inner = bitmap_of(voxels).box
    low, high = (tuple(n >> 1 for n in corner) for corner in (inner.low, inner.high))
    box, rows = Box.around(voxels.batch_size, low, high), voxels.coordinates.numpy()
    words = box.cleared()
    share(len(rows), mark, words, box.frame, rows, slab_starts(rows, 1), 1)
    return _set_of(words, box)


def children(voxels: VoxelSet, relation: Relation, cap: int) -> VoxelSet:
    """Generate the children under UP2 or UP4; see `Backend.generate`."""
    check_children(voxels, relation, cap)
    rows, inner = voxels.coordinates.numpy(), bitmap_of(voxels).box
    low = tuple(2 * n for n in inner.low)
    box = Box.around(voxels.batch_size, low, tuple(2 * n + relation.width - 1 for n in inner.high))
    words = box.cleared()
    starts = slab_starts(rows, 0) if relation.width == 2 else np.array([0, len(rows)])
    share(len(rows), mark_children, words, box.frame, rows, starts, relation.width)
    return _set_of(words, box, cap)


def join(first: VoxelSet, second: VoxelSet) -> VoxelSet:
    """Join two sets; gives `first` itself where it holds all of `second`."""
    batch = max(first.batch_size, second.batch_size)
    boxes = [bitmap_of(voxels).box for voxels in (first, second) if len(voxels)]
    low = np.min([box.low for box in boxes], 0) if boxes else np.zeros(3)
    high = np.max([box.high for box in boxes], 0) if boxes else np.zeros(3)
    box = Box.around(batch, tuple(low), tuple(high))
    words = box.cleared()
    for voxels in (first, second):
        rows = voxels.coordinates.numpy()
        share(len(rows), mark, words, box.frame, rows, slab_starts(rows, 0), 0)
    prefix, total = count_before(words)
    if total == len(first) and batch == first.batch_size:
        return first
    return _listed(Bitmap(words, prefix, box), total)


def _set_of(words: NDArray[np.uint64], box: Box, cap: int | None = None) -> VoxelSet:
    """Make the set of the marked cells, if there are no more than `cap`."""
    prefix, total = count_before(words)
    if cap is not None:
        check_cap(total, cap)
    return _listed(Bitmap(words, prefix, box), total)


def _listed(index: Bitmap, total: int) -> VoxelSet:
    """Make the set of a finished bitmap."""
    voxels = VoxelSet(
        torch.from_numpy(share(total, list_bits, *index.arrays(), total)), index.box.shape[0]
    )
    voxels.index = index
    return voxels
