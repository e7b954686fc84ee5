"""Trilinear interpolation between grids whose axes are parallel: along one axis after another.

The same values as point by point, in less than half of the time: the weights of a point are
products of three that only depend on its place along one axis each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SLAB_VOXELS = 4_000_000


def along_axes(
    array: Tensor, places: Sequence[NDArray[np.float64]], out: NDArray[np.float32]
) -> None:
    """Sample an array at every combination of places along its axes, 0 outside.

    Args:
        array: (z, y, x) float32.
        places: For z, y and x: (n,) fractional indices, voxel centres at whole numbers.
        out: (n_z, n_y, n_x), filled.
    """
    deep = max(1, _SLAB_VOXELS // max(1, len(places[1]) * len(places[2])))
    for start in range(0, len(places[0]), deep):
        values = linear(array, places[0][start : start + deep], 0)
        values = linear(linear(values, places[1], 1), places[2], 2)
        out[start : start + deep] = values.numpy()


def linear(values: Tensor, place: NDArray[np.float64], axis: int) -> Tensor:
    """Interpolate along one axis.

    Args:
        values: (z, y, x) float32, on any device.
        place: (n,) fractional indices.
        axis: Which one.

    Returns:
        As `values`, with n values along that axis; 0 where the index is outside.
    """
    count = values.shape[axis]
    below = np.floor(place).astype(np.int64)
    shape = [1, 1, 1]
    shape[axis] = -1
    parts = []
    for index, share in ((below, 1 - (place - below)), (below + 1, place - below)):
        weight = np.where((index >= 0) & (index < count), share, 0).astype(np.float32)
        there, factor = (
            torch.from_numpy(one).to(values.device)
            for one in (index.clip(0, count - 1), weight.reshape(shape))
        )
        parts.append((values.index_select(axis, there), factor))
    (first, near), (second, far) = parts
    return first.mul_(near).addcmul_(second, far)
