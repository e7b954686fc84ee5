"""A volume: an array together with its place in the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Direction = tuple[float, float, float, float, float, float, float, float, float]

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""(4, 4): NIfTI's world is RAS, everyone else's here is LPS."""


@dataclass(frozen=True)
class Geometry:
    """Where the voxels of a grid lie, in LPS millimetres; the fields of an ITK header.

    Attributes:
        size: Voxels along (x, y, z), the reverse of the array's shape.
        spacing: Millimetres between voxel centres along (x, y, z), all positive.
        origin: World position (LPS, mm) of the centre of voxel (0, 0, 0).
        direction: 3 x 3 orthonormal matrix, row-major in nine numbers; its columns are the
            world directions of the index axes x, y, z.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: Direction

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the array on this grid, (z, y, x)."""
        return (self.size[2], self.size[1], self.size[0])

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000.0

    def filled_ml(self, array: NDArray[Any]) -> float:
        """Volume in millilitres of the voxels, of an array of any size, that are not zero."""
        return float(np.count_nonzero(array)) * self.voxel_volume_ml

    def affine(self) -> NDArray[np.float64]:
        """(4, 4) float64 matrix from index (x, y, z, 1) to world (LPS mm, 1)."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction).reshape(3, 3) * np.asarray(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    def positions(self, index: NDArray[Any]) -> NDArray[np.float64]:
        """(..., 3) float64 LPS mm positions of array indices (..., 3), z, y, x, also fractional."""
        affine = self.affine()
        place: NDArray[np.float64] = index[..., ::-1] @ affine[:3, :3].T + affine[:3, 3]
        return place

    def indices(self, positions: NDArray[Any]) -> NDArray[np.float64]:
        """(..., 3) float64 fractional array indices, z, y, x, of LPS positions (..., 3) in mm."""
        inverse = np.linalg.inv(self.affine())
        index: NDArray[np.float64] = (positions @ inverse[:3, :3].T + inverse[:3, 3])[..., ::-1]
        return index


def direction_of(axes: NDArray[np.float64]) -> Direction:
    """Give a (3, 3) matrix, its columns the directions of the axes, as a `Geometry` holds it."""
    (a, b, c), (d, e, f), (g, h, i) = axes.tolist()
    return a, b, c, d, e, f, g, h, i


@dataclass(frozen=True)
class Volume:
    """An array on a grid.

    Attributes:
        array: (z, y, x), any real dtype; a mask is bool or uint8 {0, 1}.
        geometry: The grid; ``geometry.shape == array.shape``.
    """

    array: NDArray[Any]
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.array.shape != self.geometry.shape:
            raise ValueError(f"array {self.array.shape} is not on a grid {self.geometry.shape}")
