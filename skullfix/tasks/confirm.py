"""A second look at an answer of several pieces: each must be missed for its own sake.

Where one hole is open the network expects more, and may take a natural opening of the face or the
orbits for another. So each piece is asked for again while all the others are filled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.images.box import bounding_box, part_of, slices
from skullfix.images.resample import sample_onto
from skullfix.images.volume import Geometry, Volume
from skullfix.implants.clean import CleanImplant, LeftOut
from skullfix.tasks.candidate import Completion
from skullfix.tasks.model import Model
from skullfix.tasks.predict import complete_coarse
from skullfix.tasks.views import VIEWS

LOOKS = VIEWS[:2]
ENOUGH = 0.5  # of what was seen at a piece must be seen again


def confirm_pieces(
    found: CleanImplant, bone: Volume, answer: Completion, model: Model
) -> CleanImplant:
    """Keep the pieces that the network sees again, each with all the others filled.

    Args:
        found: The cleaned implant, on the grid of `bone`; a single piece is kept as it is.
        bone: The defective skull, bool.
        answer: What it was made of.
        model: By which it was made.

    Returns:
        The implant without the others, which it names.
    """
    box = bounding_box(found.mask.array)
    if box is None:
        return found
    where, grid = slices(*box), part_of(bone.geometry, *box)
    labels, count = ndimage.label(found.mask.array[where])
    if count < 2:
        return found
    expected = _amounts(answer, grid, labels, count)
    kept, left_out = found.mask.array.copy(), []
    for number in range(1, count + 1):
        piece = labels == number
        filled = bone.array.copy()
        filled[where] |= (labels > 0) & ~piece
        again = complete_coarse(
            Volume(filled, bone.geometry),
            model.network,
            model.backend,
            spacing=model.spacing,
            thresholds=model.thresholds,
            views=LOOKS,
        )
        if _amounts(again, grid, piece, 1)[0] < ENOUGH * expected[number - 1]:
            kept[where] &= ~piece
            left_out.append(_described(piece, grid))
    return CleanImplant(Volume(kept, bone.geometry), _sizes_ml(kept[where], grid), tuple(left_out))


def _amounts(
    answer: Completion | None, grid: Geometry, labels: NDArray[np.integer | np.bool_], count: int
) -> NDArray[np.float64]:
    """Sum the occupancy that an answer has in each of `count` labelled pieces on a grid."""
    if answer is None:
        return np.zeros(count)
    seen = sample_onto(answer.implant, grid).array
    return np.asarray(ndimage.sum_labels(seen, labels, np.arange(1, count + 1)), np.float64)


def _described(piece: NDArray[np.bool_], grid: Geometry) -> LeftOut:
    z, y, x = (float(np.mean(places)) for places in piece.nonzero())
    centre = (grid.affine() @ np.array([x, y, z, 1.0]))[:3].tolist()
    volume = float(np.count_nonzero(piece)) * grid.voxel_volume_ml
    return LeftOut(volume, (centre[0], centre[1], centre[2]))


def _sizes_ml(mask: NDArray[np.bool_], grid: Geometry) -> tuple[float, ...]:
    labels, _ = ndimage.label(mask)
    counts = np.bincount(labels.ravel())[1:] * grid.voxel_volume_ml
    return tuple(sorted(counts.tolist(), reverse=True))
