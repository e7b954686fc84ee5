"""What is known of a coarse mask on a finer grid: its interpolations.

The paper scales the coarse skull up to the size of the fine one and lets the network prune and
generate voxels (Li et al. 2023, section III-B). Here every voxel near the coarse mask enters, with
three features: the trilinear interpolation of the mask, the mask itself (nearest voxel), and the
trilinear interpolation of its mean over 3 x 3 x 3 coarse voxels, which tells how the surface runs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skullfix.images.separable import linear


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
    around = torch.nn.functional.pad(coarse[None, None], [1] * 6)  # also two slices have a mean
    mean = torch.nn.functional.avg_pool3d(around, 3, 1)[0, 0]
    straight, smooth, nearest = coarse, mean, coarse
    for axis in range(3):
        place = (np.arange(size[axis], dtype=np.float64) + 0.5) / factor[axis] - 0.5
        straight, smooth = (linear(values, place, axis) for values in (straight, smooth))
        nearest = linear(nearest, np.floor(place + 0.5), axis)
    return torch.stack([straight, nearest, smooth])
