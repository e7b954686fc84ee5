"""The voxels by which a network for super-resolution is shown a coarse mask."""

from __future__ import annotations

import torch
from torch import Tensor

from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

CHANNELS = 3  # of `skullfix.images.finer`


def fine_tensor(features: Tensor, low: tuple[int, ...] = (0, 0, 0)) -> SparseTensor:
    """Keep the voxels that a coarse voxel's interpolation reaches.

    Args:
        features: Of `fine_features`.
        low: Coordinate (z, y, x) of the first voxel.

    Returns:
        (N, 3) features on those voxels, volume 0.
    """
    rows = (features[0] > 0).nonzero()
    coordinates = torch.nn.functional.pad((rows + rows.new_tensor(low)).to(torch.int32), (1, 0))
    return SparseTensor(
        features[:, rows[:, 0], rows[:, 1], rows[:, 2]].T.contiguous(), VoxelSet(coordinates, 1)
    )
