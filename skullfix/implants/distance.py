"""Distances in millimetres on a grid, by SimpleITK."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.images.volume import Geometry


def distance_to(mask: NDArray[Any], geometry: Geometry) -> NDArray[np.float32]:
    """Euclidean distance of every voxel centre to the nearest voxel centre of a mask.

    Args:
        mask: bool or uint8 {0, 1} (z, y, x).
        geometry: Only its spacing counts.

    Returns:
        (z, y, x) float32 mm, 0 inside the mask, infinite everywhere if the mask is empty.
    """
    return np.maximum(signed_distance(mask, geometry), np.float32(0))


def signed_distance(mask: NDArray[Any], geometry: Geometry) -> NDArray[np.float32]:
    """Euclidean distance of every voxel centre to the nearest one of a mask's outermost layer.

    Args:
        mask: bool or uint8 {0, 1} (z, y, x).
        geometry: Only its spacing counts.

    Returns:
        (z, y, x) float32 mm; 0 on the outermost voxels of the mask and below 0 deeper in it;
        infinite everywhere if the mask is empty.
    """
    import SimpleITK as sitk

    solid = mask.astype(bool, copy=False)
    if not solid.any():
        return np.full(solid.shape, math.inf, np.float32)
    image = sitk.GetImageFromArray(solid.view(np.uint8))
    image.SetSpacing(geometry.spacing)
    signed = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    distance: NDArray[np.float32] = sitk.GetArrayFromImage(signed)
    return distance


def depth_in(mask: NDArray[Any], geometry: Geometry) -> NDArray[np.float32]:
    """Euclidean distance of every voxel of a mask to the nearest voxel centre outside it.

    Beyond the grid counts as outside.

    Args:
        mask: bool or uint8 {0, 1} (z, y, x).
        geometry: Only its spacing counts.

    Returns:
        (z, y, x) float32 mm, 0 outside the mask; one spacing on its outermost voxels.
    """
    outside = np.pad(~mask.astype(bool, copy=False), 1, constant_values=True)
    return np.ascontiguousarray(distance_to(outside, geometry)[1:-1, 1:-1, 1:-1])
