"""Turns in the world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.images.volume import Geometry, direction_of


def rotation_about(axis: int, angle: float) -> NDArray[np.float64]:
    """Make the (3, 3) rotation of offsets (x, y, z) about a world axis, by the right hand.

    Args:
        axis: 0, 1, 2 for x, y, z.
        angle: In radians.
    """
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = np.cos(angle)
    turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
    return turn


def turned(grid: Geometry, turn: NDArray[np.float64]) -> Geometry:
    """Turn a grid about the world's origin by a (3, 3) rotation."""
    x, y, z = (turn @ np.asarray(grid.origin)).tolist()
    axes = direction_of(turn @ np.asarray(grid.direction).reshape(3, 3))
    return Geometry(grid.size, grid.spacing, (x, y, z), axes)
