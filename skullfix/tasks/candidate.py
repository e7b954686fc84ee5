"""The network's answer on the scan's own grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skullfix.images.box import bounding_box, crop, part_of, slices
from skullfix.images.midplane import Plane
from skullfix.images.regrid import index_box
from skullfix.images.resample import sample_all_onto, sample_onto
from skullfix.images.volume import Volume
from skullfix.tasks.local_cut import IMPLANT_SHARE, LOWEST, local_cut

CUT = 0.45  # occupancy of bone and implant that fills a voxel, where a card names none


@dataclass(frozen=True, eq=False)
class Completion:
    """The network's answer on its own grid, cropped to where there is any.

    Attributes:
        implant: (z, y, x) float32, occupancy of the implant, 0 to 1.
        bone: (z, y, x) float32, occupancy of the defective skull.
        plane: The skull's mid-sagittal plane, where it was sought.
    """

    implant: Volume
    bone: Volume
    plane: Plane | None = None


def surface_field(answer: Completion, cut: float = CUT) -> Volume:
    """Give a field whose zero is the completed skull's surface, below the network's resolution.

    Args:
        answer: Of `complete_coarse`.
        cut: As for `candidate_on`.

    Returns:
        float32 on the answer's grid, positive inside: occupancy of bone and implant together less
        what fills a voxel there, see `local_cut`.
    """
    grid = answer.implant.geometry
    cuts = local_cut(answer.implant.array, answer.bone.array, cut, grid.spacing[0])
    return Volume(answer.implant.array + answer.bone.array - cuts, grid)


def candidate_on(bone: Volume, answer: Completion, cut: float = CUT) -> Volume:
    """Bring the answer to the scan's grid, below the network's resolution.

    Where implant and bone meet, neither fills the coarse voxel, but together they do: the sum is
    interpolated and cut near one half, so that no gap is left at the rim; see `surface_field`.
    Bone is never part of it.

    Args:
        bone: The defective skull, bool.
        answer: Of `complete_coarse`.
        cut: Occupancy of bone and implant together that fills a voxel, at most.

    Returns:
        bool on the grid of `bone`.
    """
    result = np.zeros(bone.array.shape, bool)
    counts = answer.implant.array > IMPLANT_SHARE * min(cut, LOWEST)
    there = bounding_box(counts, 1)  # elsewhere none can count
    if there is None:
        return Volume(result, bone.geometry)
    above = crop(surface_field(answer, cut), *there)
    implant, solid = crop(answer.implant, *there), crop(answer.bone, *there)
    region = index_box(bone.geometry, implant.geometry)
    if region is not None:
        low, high = region
        part = crop(bone, low, high)
        both = implant.array + solid.array
        new = Volume(implant.array - IMPLANT_SHARE * both, implant.geometry)
        full, own = (v.array > 0 for v in sample_all_onto([above, new], part.geometry))
        result[slices(low, high)] = full & own & ~part.array
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
