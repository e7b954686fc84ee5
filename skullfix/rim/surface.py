"""The surface of a completed skull, below the voxel: points, normals, offsets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates

from skullfix.images.volume import Geometry

Points = NDArray[np.float64]

_BLUR_MM = 0.5  # standard deviation; with it the surface of a mask is known to 0.1 mm or better
_BLUR_VOXELS = 0.5  # at least
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
        last = np.array(self.field.shape) - 1
        steps = np.eye(3, dtype=np.int64)
        slope = np.stack(
            [
                self.field[tuple(np.minimum(rows + step, last).T)]
                - self.field[tuple(np.maximum(rows - step, 0).T)]
                for step in steps[::-1]
            ],
            1,
        )
        outward = -slope @ np.linalg.inv(self.grid.affine()[:3, :3])
        return np.asarray(outward / np.maximum(np.linalg.norm(outward, axis=1)[:, None], 1e-9))

    def at(self, points: Points) -> NDArray[np.float32]:
        """Read the field at points (..., 3), LPS mm, by trilinear interpolation."""
        back = np.linalg.inv(self.grid.affine())
        index = points @ back[:3, :3].T + back[:3, 3]
        return np.asarray(
            map_coordinates(
                self.field, np.moveaxis(index[..., ::-1], -1, 0), order=1, mode="nearest"
            )
        )

    def offsets(self, points: Points, normals: Points) -> NDArray[np.float64]:
        """(N,) mm from points along their normals to the surface; NaN where it is not near."""
        values = self.at(points[:, None] + _AROUND_MM[:, None] * normals[:, None]) - _LEVEL
        before, after = values[:, :-1], values[:, 1:]
        leaves = (before > 0) & (after <= 0)
        share = before / np.where(leaves, before - after, 1)
        found = np.where(leaves, _AROUND_MM[:-1] + share * np.diff(_AROUND_MM), np.inf)
        nearest = np.take_along_axis(found, np.abs(found).argmin(1)[:, None], 1)[:, 0]
        return np.where(np.isfinite(nearest), nearest, np.nan)


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
