"""Borders of masks as points, and the distances between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from skullfix.images.box import bounding_box, slices
from skullfix.images.nearest import grid_tree

Mask = NDArray[np.bool_]


def border(mask: Mask) -> Mask:
    """Mask XOR its 6-connected erosion by one; voxels on the edge of the grid are border.

    Args:
        mask: (z, y, x) bool.
    """
    result: Mask = mask ^ binary_erosion(mask)
    return result


def border_points(mask: Mask, spacing: Sequence[float]) -> NDArray[np.float64]:
    """(n, 3) float64, border voxels in mm (z, y, x) from the first voxel of the grid.

    Args:
        mask: (z, y, x) bool.
        spacing: mm along (z, y, x).
    """
    box = bounding_box(mask)
    if box is None:
        return np.empty((0, 3))
    index = np.argwhere(border(mask[slices(*box)])) + np.array(box[0])
    points: NDArray[np.float64] = index * np.asarray(spacing, dtype=np.float64)
    return points


def distances(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each point to the nearest of the others.

    The same numbers as a Euclidean distance transform of the border gives, without the grid.

    Args:
        points: (n, 3) mm.
        others: (m, 3) mm, m > 0.

    Returns:
        (n,) float64 mm.
    """
    found, _ = grid_tree(others).query(points)
    return np.asarray(found, dtype=np.float64)
