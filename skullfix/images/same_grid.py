"""Whether two grids are one, for files whose formats round differently."""

from __future__ import annotations

import numpy as np

from skullfix.errors import InputError
from skullfix.images.volume import Geometry

GRID_TOLERANCE = 0.01
"""Share of a voxel by which the corners of two grids may differ and still be the same grid."""


def check_same_grid(name: str, geometry: Geometry, other_name: str, other: Geometry) -> None:
    """Refuse two grids whose voxels do not lie in the same places.

    Raises:
        InputError: Sizes differ, or a corner differs by more than GRID_TOLERANCE of a voxel.
    """
    if geometry.size != other.size:
        raise InputError(
            f"The {name} has {_size(geometry)} voxels, the {other_name} has {_size(other)}.",
            hint="Give masks of one grid; resample one onto the other first.",
        )
    corners = np.array([[x, y, z, 1.0] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * [
        *(side - 1 for side in geometry.size),
        1.0,
    ]
    apart = corners @ (geometry.affine() - other.affine()).T
    worst = float(np.linalg.norm(apart[:, :3], axis=1).max())
    if worst > GRID_TOLERANCE * min(other.spacing):
        raise InputError(
            f"The {name} and the {other_name} have the same size but lie apart by up to "
            f"{worst:.3g} mm.",
            hint="Give masks of one grid; resample one onto the other first.",
        )


def _size(geometry: Geometry) -> str:
    return " x ".join(map(str, geometry.size))
