"""A second look at an answer of several pieces: each must be missed for its own sake.

Where one hole is open the network expects more, and may take a natural opening of the face or the
orbits for another. So each piece is asked for again while all the others are filled, in several
views: a true hole is seen in each, the other often in one alone. The smallest piece comes first,
and the last one left is kept without a look, as is the only piece of any answer.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from skullfix.images.box import bounding_box, part_of, slices
from skullfix.images.resample import sample_onto
from skullfix.images.volume import Volume
from skullfix.implants.clean import CleanImplant, LeftOut
from skullfix.tasks.candidate import Completion
from skullfix.tasks.model import Model
from skullfix.tasks.predict import answer_in_view, coarse_skull
from skullfix.tasks.views import VIEWS

LOOKS = VIEWS[1::-1]  # the one in which more false pieces are missed comes first
ENOUGH = 0.7  # of what was seen at a piece must be seen again in each look


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
        The implant without the others, which it names; one piece stays at least.
    """
    box = bounding_box(found.mask.array)
    if box is None:
        return found
    where, grid = slices(*box), part_of(bone.geometry, *box)
    labels, count = ndimage.label(found.mask.array[where])
    if count < 2:
        return found
    pieces = []
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        low, high = ((s.start for s in place), (s.stop for s in place))
        pieces.append(Volume(labels[place] == number, part_of(grid, (*low,), (*high,))))
    smallest_first = np.argsort([np.count_nonzero(piece.array) for piece in pieces], kind="stable")
    kept = set(range(count))
    for index in smallest_first.tolist():
        if len(kept) == 1:
            break
        filled = bone.array.copy()
        filled[where] |= (labels > 0) & (labels != index + 1)
        if not _seen_again(pieces[index], Volume(filled, bone.geometry), answer, model):
            kept.remove(index)
    mask = found.mask.array.copy()
    mask[where] &= np.isin(labels, [index + 1 for index in kept])
    sizes = (pieces[index].geometry.filled_ml(pieces[index].array) for index in kept)
    left_out = (_described(piece) for index, piece in enumerate(pieces) if index not in kept)
    return CleanImplant(
        Volume(mask, bone.geometry), tuple(sorted(sizes, reverse=True)), tuple(left_out)
    )


def _seen_again(piece: Volume, filled: Volume, answer: Completion, model: Model) -> bool:
    """Ask the network in each look for a piece; `filled` is the skull with all the others."""
    enough = ENOUGH * _amount(answer.implant, piece)
    skull = coarse_skull(filled, model.network, model.spacing)
    for view in LOOKS:
        again = answer_in_view(
            skull,
            view,
            model.network,
            model.backend,
            spacing=model.spacing,
            thresholds=model.thresholds,
        )
        if again is None or _amount(again, piece) < enough:
            return False
    return True


def _amount(implant: Volume, piece: Volume) -> float:
    """Sum the occupancy that an answer has in a piece."""
    return float(sample_onto(implant, piece.geometry).array[piece.array].sum())


def _described(piece: Volume) -> LeftOut:
    z, y, x = (float(np.mean(places)) for places in piece.array.nonzero())
    centre = (piece.geometry.affine() @ np.array([x, y, z, 1.0]))[:3].tolist()
    return LeftOut(piece.geometry.filled_ml(piece.array), (centre[0], centre[1], centre[2]))
