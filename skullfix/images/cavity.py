"""Rooms that bone encloses on most sides: first of all the braincase."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, label

CELL_MM = 4.0  # least edge of the cells in which rooms are looked for
_WALLS = 4  # of six directions in which a cell of a room sees bone


def enclosed_rooms(
    points: NDArray[np.float64], cell: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the connected rooms of cells from which bone is seen in most of six directions.

    Args:
        points: (n, 3) mm, of bone, n > 0; the outermost half percent at each end of an axis does
            not count.
        cell: Edge of the cells, mm.

    Returns:
        The rooms, numbered from 1, over cells in the order of the points' axes; and the corner
        (3,) of the first cell.
    """
    low, high = np.percentile(points, (0.5, 99.5), axis=0)
    inside = ((points >= low) & (points <= high)).all(axis=1)
    cells = np.floor((points[inside] - low) / cell).astype(np.int64)
    occupied = np.zeros(np.ceil((high - low) / cell).astype(np.int64) + 1, dtype=np.bool_)
    occupied[tuple(cells.T)] = True
    walls = np.zeros(occupied.shape, np.int8)
    for axis in range(3):
        walls += np.maximum.accumulate(occupied, axis)
        walls += np.flip(np.maximum.accumulate(np.flip(occupied, axis), axis), axis)
    rooms = label(binary_erosion((walls >= _WALLS) & ~occupied))[0]
    return np.asarray(rooms, np.int64), np.asarray(low)
