"""The surface of a completed skull, below the voxel: points, normals, offsets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates

from skullfix.images.normals import outward_normals
from skullfix.images.volume import Geometry

Points = NDArray[np.float64]

_BLUR_MM, _BLUR_VOXELS = 0.5, 0.6  # standard deviation along an axis, the larger of both
_AROUND_MM = np.linspace(-1.25, 1.25, 26)  # where the surface is sought along a normal
_LEVEL = 0.5


@dataclass(frozen=True, eq=False)
class Surface:
    """A mask, blurred so little that its surface stays where it is.

    Attributes:
        field: (z, y, x) float32; the surface is where it is 0.5, inside is above.
        grid: Its geometry.
    """

    field: NDArray[np.float32]
    grid: Geometry

    @classmethod
    def of(cls, mask: NDArray[np.bool_], grid: Geometry) -> Surface:
        """Blur a bool mask, (z, y, x)."""
        blur = [max(_BLUR_MM / step, _BLUR_VOXELS) for step in grid.spacing[::-1]]
        return cls(gaussian_filter(mask.astype(np.float32), blur, truncate=3.0), grid)

    def normals(self, rows: NDArray[np.int64]) -> Points:
        """(N, 3) unit normals, outwards, LPS, at (N, 3) indices (z, y, x)."""
        return outward_normals(self.field, self.grid, rows)

    def uncertainty(self, normals: Points) -> Points:
        """(N,) standard deviation of where the surface lies along (N, 3) unit normals, LPS, mm.

        A voxel counts whole or not at all, so it may lie anywhere within one of them
        (a uniform distribution).
        """
        along = normals @ np.asarray(self.grid.direction).reshape(3, 3) * self.grid.spacing
        return np.asarray(np.linalg.norm(along, axis=1) / np.sqrt(12))

    def at(self, points: Points) -> NDArray[np.float32]:
        """Read the field at points (..., N, 3), LPS mm, by trilinear interpolation."""
        places = np.moveaxis(self.grid.indices(points), -1, 0)
        return np.asarray(map_coordinates(self.field, places, order=1, mode="nearest"))

    def holds(self, points: Points) -> NDArray[np.bool_]:
        """Tell which points (..., N, 3), LPS mm, lie inside."""
        return np.asarray(self.at(points) > _LEVEL)

    def nearest(self, points: Points, normals: Points) -> tuple[Points, NDArray[np.bool_]]:
        """Move points (N, 3), LPS mm, along their normals onto the surface.

        The answer is (M, 3), those from which it is near, and which of the N they are.
        """
        values = self.at(points[:, None] + _AROUND_MM[:, None] * normals[:, None]) - _LEVEL
        before, after = values[:, :-1], values[:, 1:]
        leaves = (before > 0) & (after <= 0)
        share = before / np.where(leaves, before - after, 1)
        found = np.where(leaves, _AROUND_MM[:-1] + share * np.diff(_AROUND_MM), np.inf)
        off = np.take_along_axis(found, np.abs(found).argmin(1)[:, None], 1)
        near = np.isfinite(off[:, 0])
        return points[near] + off[near] * normals[near], near


def outermost(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of a mask (z, y, x) with a face outside it; the array's end is none."""
    return np.asarray(mask & ~binary_erosion(mask, border_value=1))


def thinned(points: Points, step: float) -> NDArray[np.int64]:
    """Choose of points (N, 3), LPS mm, one in each cube of `step` mm: the nearest to its middle.

    The choice does not depend on their order.
    """
    cube = np.floor(points / step)
    off = np.round(np.linalg.norm(points - (cube + 0.5) * step, axis=1), 4)
    order = np.lexsort((*np.round(points.T, 3), off, *cube.T))
    new = (np.diff(cube[order], axis=0, prepend=np.nan) != 0).any(1)
    return np.asarray(order[new])
