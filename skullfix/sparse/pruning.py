"""Pruning: keep some voxels of a sparse tensor."""

from __future__ import annotations

from torch import Tensor

from skullfix.sparse.tensor import SparseTensor


def prune(x: SparseTensor, keep: Tensor) -> SparseTensor:
    """Keep the voxels where `keep` (N,) bool is true; none at all is allowed."""
    rows = keep.nonzero()[:, 0]
    return SparseTensor(x.features.index_select(0, rows), x.voxels.select(rows))
