"""Space directions for a NRRD header that read back as the same spacing and direction.

A NRRD header stores spacing times direction; a reader divides again, and rounding may change the
last bit. So for each axis the neighbours of the product (one step in each component) are tried
until ITK's own arithmetic gives back what was asked for. For a grid that came out of a NRRD file
such a vector always exists; for others the nearest is taken (off by one bit in places).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from skullfix.images.volume import Geometry, direction_of

_STEPS = np.array(
    sorted(
        itertools.product((-2, -1, 0, 1, 2), repeat=3),
        key=lambda s: abs(s[0]) + abs(s[1]) + abs(s[2]),
    )
)


def space_vectors(geometry: Geometry) -> NDArray[np.float64]:
    """(3, 3) float64: row i is the LPS step in mm along index axis i (x, y, z).

    Args:
        geometry: The grid.
    """
    direction = np.asarray(geometry.direction).reshape(3, 3)
    rows = [_vector(direction[:, axis], geometry.spacing[axis]) for axis in range(3)]
    return np.array(rows)


def read_vectors(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Split vectors as ITK does: norm, then multiply by its reciprocal.

    Args:
        vectors: (n, 3) float64.

    Returns:
        (n,) spacings and (n, 3) unit vectors.
    """
    squares = vectors * vectors
    norm = np.sqrt(squares[:, 0] + squares[:, 1] + squares[:, 2])
    return norm, vectors * (1.0 / norm)[:, None]


def representable(geometry: Geometry) -> Geometry:
    """Return the nearest grid that a NRRD header can hold bit for bit."""
    spacing, axes = read_vectors(space_vectors(geometry))
    return Geometry(
        geometry.size,
        (float(spacing[0]), float(spacing[1]), float(spacing[2])),
        geometry.origin,
        direction_of(axes.T),
    )


def _vector(unit: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    product = unit * spacing
    moved = np.where(product != 0.0, product + _STEPS * np.spacing(product), product)
    norms, units = read_vectors(moved)
    wrong = (norms != spacing).astype(int) + (units != unit).sum(axis=1)
    return moved[int(wrong.argmin())]
