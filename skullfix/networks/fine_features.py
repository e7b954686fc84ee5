"""What the network sees of a coarse mask: its interpolation on a finer grid.

The paper scales the coarse skull up to the size of the fine one and lets the network prune and
generate voxels (Li et al. 2023, section III-B). Here every voxel near the coarse mask enters, with
three features: the trilinear interpolation of the mask, the mask itself (nearest voxel), and the
trilinear interpolation of its mean over 3 x 3 x 3 coarse voxels, which tells how the surface runs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

CHANNELS = 3


def fine_features(
    coarse: Tensor, factor: tuple[float, float, float], size: tuple[int, ...]
) -> Tensor:
    """Interpolate a coarse mask.

    Args:
        coarse: (z, y, x) float32 {0, 1}.
        factor: Fine voxels a coarse one along (z, y, x).
        size: Shape (z, y, x) of the fine grid; its first face is that of the coarse grid.

    Returns:
        (3, z, y, x) float32, see the module's text; 0 beyond the coarse grid.
    """
    mean = torch.nn.functional.avg_pool3d(coarse[None, None], 3, 1, 1)[0, 0]
    linear, smooth = coarse, mean
    nearest = coarse
    for axis in range(3):
        place = (torch.arange(size[axis], device=coarse.device) + 0.5) / factor[axis] - 0.5
        linear, smooth = (_linear(v, place, axis) for v in (linear, smooth))
        near = torch.floor(place + 0.5).long()
        nearest = _take(nearest, near, axis)
    return torch.stack([linear, nearest, smooth])


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


def _linear(values: Tensor, place: Tensor, axis: int) -> Tensor:
    """Interpolate along one axis at fractional indices; 0 outside."""
    below = torch.floor(place).long()
    weight = (place - below).to(values.dtype)
    shape = [1, 1, 1]
    shape[axis] = -1
    upper = weight.reshape(shape)
    return _take(values, below, axis) * (1 - upper) + _take(values, below + 1, axis) * upper


def _take(values: Tensor, index: Tensor, axis: int) -> Tensor:
    """Select along one axis; 0 where the index is outside."""
    count = values.shape[axis]
    inside = (index >= 0) & (index < count)
    shape = [1, 1, 1]
    shape[axis] = -1
    return values.index_select(axis, index.clamp(0, count - 1)) * inside.reshape(shape)
