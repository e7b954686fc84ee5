"""The network's answer on the scan's own grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skullfix.images.box import bounding_box, crop, part_of, slices
from skullfix.images.regrid import index_box
from skullfix.images.resample import sample_onto
from skullfix.images.volume import Volume

IMPLANT_SHARE = 0.2  # of the completed bone in a voxel must be implant for the voxel to count
CUT = 0.45  # occupancy of bone and implant that fills a voxel, where a card names none


@dataclass(frozen=True, eq=False)
class Completion:
    """The network's answer on its own grid, cropped to where there is any.

    Attributes:
        implant: (z, y, x) float32, occupancy of the implant, 0 to 1.
        bone: (z, y, x) float32, occupancy of the defective skull.
    """

    implant: Volume
    bone: Volume


def candidate_on(bone: Volume, answer: Completion, cut: float = CUT) -> Volume:
    """Bring the answer to the scan's grid, below the network's resolution.

    Where implant and bone meet, neither fills the coarse voxel, but together they do: the sum is
    interpolated and cut near one half, so that no gap is left at the rim. Bone is never part of it.

    Args:
        bone: The defective skull, bool.
        answer: Of `complete_coarse`.
        cut: Occupancy of bone and implant together that fills a voxel.

    Returns:
        bool on the grid of `bone`.
    """
    result = np.zeros(bone.array.shape, bool)
    there = bounding_box(answer.implant.array > IMPLANT_SHARE * cut, 1)  # elsewhere none can count
    if there is None:
        return Volume(result, bone.geometry)
    answer = Completion(crop(answer.implant, *there), crop(answer.bone, *there))
    region = index_box(bone.geometry, answer.implant.geometry)
    if region is not None:
        low, high = region
        part = crop(bone, low, high)
        added = sample_onto(answer.implant, part.geometry).array
        both = sample_onto(
            Volume(answer.implant.array + answer.bone.array, answer.bone.geometry), part.geometry
        ).array
        inside = (both > cut) & (added > IMPLANT_SHARE * both) & ~part.array
        result[slices(low, high)] = inside
    return Volume(result, bone.geometry)


def implant_on(implant: Volume, bone: Volume) -> Volume:
    """Bring an implant that was made on a coarse grid to the scan's grid.

    Args:
        implant: bool, on any grid over the same place.
        bone: The defective skull, bool.

    Returns:
        bool on the grid of `bone`, without a voxel of it.
    """
    result = np.zeros(bone.array.shape, bool)
    box = bounding_box(implant.array, margin=1)
    region = None if box is None else index_box(bone.geometry, part_of(implant.geometry, *box))
    if box is not None and region is not None:
        part = crop(bone, *region)
        inside = sample_onto(crop(implant, *box), part.geometry).array >= 0.5
        result[slices(*region)] = inside & ~part.array
    return Volume(result, bone.geometry)
