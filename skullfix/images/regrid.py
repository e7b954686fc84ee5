"""Other grids over the same place: another spacing, another order of the axes, a part."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np

from skullfix.images.box import Index
from skullfix.images.volume import Geometry, Volume, direction_of


def regrid(grid: Geometry, spacing: tuple[float, float, float]) -> Geometry:
    """Make a grid of that spacing (mm; x, y, z) over the same field of view, first faces together.

    Its last voxels may reach beyond the field of view by less than one voxel.
    """
    extent = [n * s for n, s in zip(grid.size, grid.spacing, strict=True)]
    size = [max(1, math.ceil(e / s - 1e-6)) for e, s in zip(extent, spacing, strict=True)]
    corner = (np.asarray(spacing) / np.asarray(grid.spacing) - 1) / 2
    x, y, z = (grid.affine() @ np.append(corner, 1.0))[:3].tolist()
    return Geometry((size[0], size[1], size[2]), spacing, (x, y, z), grid.direction)


def nearest_lps(volume: Volume) -> Volume:
    """Exchange and reverse axes until the index axes x, y, z point nearest to L, P and S.

    Every voxel stays where it is in the world; the array is a view.
    """
    grid = volume.geometry
    cosines = np.asarray(grid.direction).reshape(3, 3)  # columns: world directions of x, y, z
    order = max(permutations(range(3)), key=lambda p: sum(abs(cosines[i, p[i]]) for i in range(3)))
    array = volume.array.transpose([2 - order[2 - axis] for axis in range(3)])
    columns = cosines[:, order].copy()
    size, spacing = ([values[axis] for axis in order] for values in (grid.size, grid.spacing))
    origin = np.asarray(grid.origin, np.float64)
    for axis in range(3):
        if columns[axis, axis] < 0:
            array = np.flip(array, 2 - axis)
            origin = origin + columns[:, axis] * spacing[axis] * (size[axis] - 1)
            columns[:, axis] *= -1
    x, y, z = origin.tolist()
    return Volume(
        array,
        Geometry(
            (int(size[0]), int(size[1]), int(size[2])),
            (float(spacing[0]), float(spacing[1]), float(spacing[2])),
            (x, y, z),
            direction_of(columns),
        ),
    )


def index_box(grid: Geometry, other: Geometry) -> tuple[Index, Index] | None:
    """Find the first and last + 1 index (z, y, x) of `grid` that cover `other`; None if none do."""
    ends = np.asarray([(-0.5, n - 0.5) for n in other.size])
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), -1).reshape(-1, 3)
    step = np.linalg.inv(grid.affine()) @ other.affine()
    index = corners @ step[:3, :3].T + step[:3, 3]
    low = np.maximum(np.floor(index.min(0)), 0).astype(int)[::-1]
    high = np.minimum(np.ceil(index.max(0)) + 1, grid.size).astype(int)[::-1]
    if (low >= high).any():
        return None
    return (int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2]))
