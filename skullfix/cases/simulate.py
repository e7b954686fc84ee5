"""Cut a random defect into a complete skull at its full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skullfix.cases.defects import FAMILIES, VOLUME_RANGE_ML, Defect, random_defect
from skullfix.errors import InputError, UsageError
from skullfix.images.box import bounding_box, crop
from skullfix.images.resample import block_average
from skullfix.images.volume import Volume

_DRAW_SPACING_MM = 1.8  # the grid on which a defect's size is judged
_CHUNK = 500_000


@dataclass(frozen=True, eq=False)
class SimulatedDefect:
    """A patient whose true implant is known.

    Attributes:
        defective: bool (z, y, x), on the skull's grid.
        implant: bool, what was taken away; together they are the skull.
        family: Kind of the defect.
    """

    defective: Volume
    implant: Volume
    family: str


def simulate_defect(
    skull: Volume,
    seed: int,
    *,
    family: str | None = None,
    volume_range_ml: tuple[float, float] = VOLUME_RANGE_ML,
) -> SimulatedDefect:
    """Take a random piece out of a skull.

    Args:
        skull: bool (z, y, x), complete, not empty.
        seed: The same seed gives the same defect.
        family: One of `skullfix.cases.defects.FAMILIES`, or None for a random one.
        volume_range_ml: Accepted volume of the piece.

    Raises:
        UsageError: The family is unknown or the range is empty.
        InputError: No defect of that volume could be cut.
    """
    if family is not None and family not in FAMILIES:
        raise UsageError(
            f"there is no family {family!r} of defects",
            hint=f"choose one of {', '.join(FAMILIES)}",
        )
    if not 0 < volume_range_ml[0] < volume_range_ml[1]:
        raise UsageError(
            f"the volume range {volume_range_ml} ml is empty", hint="give the smaller value first"
        )
    box = bounding_box(skull.array)
    if box is None:
        raise InputError("The mask is empty.", hint="Give the mask of a complete skull.")
    coarse = block_average(crop(skull, *box), _DRAW_SPACING_MM)
    fractions = coarse.array[coarse.array > 0].astype(np.float32) / np.float32(255)
    points = _points(coarse, np.argwhere(coarse.array > 0))
    unit = coarse.geometry.voxel_volume_ml * 1000
    rng = np.random.default_rng(seed)
    defect = random_defect(points, fractions, unit ** (1 / 3), rng, family, volume_range_ml)
    if defect is None:
        raise InputError(
            f"no defect of {volume_range_ml[0]:g} to {volume_range_ml[1]:g} ml could be cut",
            hint="is this the mask of a complete skull? Try another --seed or volume range",
        )
    implant = np.zeros(skull.array.shape, bool)
    rows = np.argwhere(skull.array)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        taken = part[_inside(defect, _points(skull, part))]
        implant[tuple(taken.T)] = True
    return SimulatedDefect(
        Volume(skull.array & ~implant, skull.geometry),
        Volume(implant, skull.geometry),
        defect.family,
    )


def _inside(defect: Defect, points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each point is taken away."""
    return np.asarray(defect.signed_distance(points) < 0)


def _points(volume: Volume, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """World positions (N, 3) LPS mm of array indices (N, 3) (z, y, x)."""
    return volume.geometry.positions(rows).astype(np.float32)
