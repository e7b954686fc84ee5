"""Addition of sparse tensors whose voxel sets differ."""

from __future__ import annotations

import torch

from skullfix.sparse.backend import Backend
from skullfix.sparse.tensor import SparseTensor


def add(first: SparseTensor, second: SparseTensor, backend: Backend) -> SparseTensor:
    """Sum over the union of both voxel sets; a voxel that one lacks counts as 0 there."""
    voxels, rows_first, rows_second = backend.union(first.voxels, second.voxels)
    total = first.features.new_zeros(len(voxels), first.features.shape[1])
    total = total.index_add(0, rows_first, first.features)
    return SparseTensor(total.index_add(0, rows_second, second.features), voxels)


def add_where_present(first: SparseTensor, second: SparseTensor, backend: Backend) -> SparseTensor:
    """`first` plus what `second` has on the voxels of `first`; its other voxels are dropped."""
    rows = backend.find(first.voxels, second.voxels)
    here = (rows >= 0).nonzero()[:, 0]
    extra = second.features.index_select(0, rows[here])
    return first.with_features(torch.index_add(first.features, 0, here, extra))
