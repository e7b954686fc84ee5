"""Directions out of a shape whose blurred mask is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.images.volume import Geometry


def outward_normals(
    field: NDArray[np.float32], grid: Geometry, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(N, 3) float64 unit vectors (x, y, z; LPS) along which a field falls, by central differences.

    Args:
        field: (z, y, x) float32, larger inside the shape.
        grid: Its geometry.
        rows: (N, 3) int, z, y, x, of voxels near the surface.
    """
    slope = np.empty((len(rows), 3))
    for axis, (count, spacing) in enumerate(zip(field.shape, grid.spacing[::-1], strict=True)):
        before, after = rows.copy(), rows.copy()
        before[:, axis] = np.maximum(rows[:, axis] - 1, 0)
        after[:, axis] = np.minimum(rows[:, axis] + 1, count - 1)
        fall = field[tuple(before.T)] - field[tuple(after.T)]
        slope[:, 2 - axis] = fall / (spacing * np.maximum(after - before, 1)[:, axis])
    return unit(slope @ np.asarray(grid.direction).reshape(3, 3).T)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale vectors (N, 3) to unit length; those without a length stay as they are."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = vectors / np.maximum(length, 1e-9)
    return scaled
