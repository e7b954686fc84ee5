"""Directions in which the vault is looked at: vertices of a geodesic sphere."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, cKDTree

LEVEL = 4
"""How often the faces of the icosahedron are split: directions about 4 degrees apart."""

COARSE_LEVEL = 3
"""Of the directions that suffice to lay a head."""

LOWEST = -0.15
"""Height of the vault's lowest direction on the unit sphere."""


@cache
def sphere(level: int = LEVEL) -> NDArray[np.float64]:
    """Spread directions evenly over the sphere.

    Args:
        level: The icosahedron's faces are split in four that often.

    Returns:
        (10 * 4**level + 2, 3) unit vectors (x, y, z), with the mirror image of each among them.
    """
    golden = (1 + 5**0.5) / 2
    points = np.array(
        [
            np.roll((0.0, one, other * golden), turn)
            for turn in range(3)
            for one, other in product((-1, 1), repeat=2)
        ]
    )
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    for _ in range(level):
        faces = ConvexHull(points).simplices
        edges = np.unique(
            np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0
        )
        middles = points[edges].sum(1)
        points = np.concatenate([points, middles / np.linalg.norm(middles, axis=1, keepdims=True)])
    return points


@cache
def vault_directions(level: int = LEVEL) -> NDArray[np.float64]:
    """Give the directions of `sphere` that are not below LOWEST, (N, 3) unit vectors.

    x is the head's left, y its back, z up. Those of a lower level are the first of a higher one.
    """
    everywhere = sphere(level)
    return everywhere[everywhere[:, 2] > LOWEST]


@cache
def mirror_images() -> NDArray[np.int64]:
    """Tell for each of `vault_directions` which one is its mirror image: (N,) indices."""
    directions = vault_directions()
    return np.asarray(cKDTree(directions).query(directions * (-1, 1, 1))[1], np.int64)
