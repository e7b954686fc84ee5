"""Is a mask of bone a head? Asked before anything is completed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.cavity import CELL_MM, enclosed_rooms
from skullfix.images.volume import Geometry, Volume

SAMPLE_MM = 3.0
"""Every how many mm the bone is looked at; less than a cell, so that no cell is missed."""

MIN_CAVITY_ML = 250.0
"""Smallest cavity of a head. Intact skulls have 870 to 1,400 ml by this measure, skulls with two
holes of 12 cm more than 420 ml, with three 280 ml; a skull base without a vault has up to 205 ml,
an aorta or a heart none."""

MAX_CAVITY_ML = 3500.0
"""Largest cavity of a head; above, the spacing is wrong or the scan shows a whole body."""

_LOST = ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))


def check_head(bone: Volume) -> tuple[str, ...]:
    """Refuse bone that is not a skull with a vault; a craniectomy of any size is a skull.

    What is measured is the room that bone encloses on most sides, which holes hardly change.

    Args:
        bone: Mask, bool or {0, 1}, (z, y, x).

    Returns:
        Warnings (a header without geometry).

    Raises:
        InputError: No such cavity, or one that no head has.
    """
    cavity = cavity_ml(bone)
    if cavity < MIN_CAVITY_ML:
        raise InputError(
            f"This is not a skull with a vault: its bone encloses {cavity:.0f} ml, a head at least "
            f"{MIN_CAVITY_ML:.0f} ml.",
            hint="Give a scan of the whole cranium, from the skull base to the vertex; if it is "
            "one, check the spacing in its header.",
        )
    if cavity > MAX_CAVITY_ML:
        raise InputError(
            f"This is not a head: its bone encloses {cavity:.0f} ml, a head at most "
            f"{MAX_CAVITY_ML:.0f} ml (spacing {_shown(bone.geometry)} mm).",
            hint="Correct the spacing if the header lost it; crop a larger scan to the head.",
        )
    geometry = bone.geometry
    if (geometry.spacing, geometry.origin, geometry.direction) == _LOST:
        return (
            "The header has the geometry of a file that lost it (1 mm voxels, no origin, no "
            "orientation); lengths, and left and right, may be wrong.",
        )
    return ()


def cavity_ml(bone: Volume) -> float:
    """Room that bone encloses in at least four of six directions, millilitres.

    The larger of two measures, along the axes of the grid and turned against them.

    Args:
        bone: Mask, bool or {0, 1}, (z, y, x).
    """
    steps = np.array([max(int(SAMPLE_MM / size), 1) for size in bone.geometry.spacing[::-1]])
    indices = np.argwhere(bone.array[tuple(slice(None, None, int(step)) for step in steps)])
    if len(indices) < 2:
        return 0.0
    cell = max(CELL_MM, 1.2 * float((steps * bone.geometry.spacing[::-1]).max()))
    points = (indices * steps)[:, ::-1] * np.asarray(bone.geometry.spacing)  # (n, 3) mm, x y z
    return max(_enclosed(points, cell), _enclosed(points @ _turn(), cell))


def _turn() -> NDArray[np.float64]:
    """(3, 3), a turn that moves every axis by more than 40 degrees."""
    c = s = np.sqrt(0.5)
    about_z = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    turn: NDArray[np.float64] = about_z @ about_x
    return turn


def _enclosed(points: NDArray[np.float64], cell: float) -> float:
    """Largest room, ml."""
    rooms, _ = enclosed_rooms(points, cell)
    return float(np.bincount(rooms.ravel(), minlength=2)[1:].max()) * cell**3 / 1000.0


def _shown(geometry: Geometry) -> str:
    return " x ".join(f"{size:g}" for size in geometry.spacing)
