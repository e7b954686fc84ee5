"""Bone of a head CT, as it is: open where it is open."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects, label, minimum

from skullfix.errors import InputError
from skullfix.images.box import bounding_box, slices
from skullfix.images.head import SKIN_HU, coarse_steps, find_head, refine
from skullfix.images.hounsfield import hounsfield
from skullfix.images.threshold import DEFAULT_HU, chosen_threshold
from skullfix.images.volume import Volume

NEAR_MM = 8.0
"""Pieces of bone this close to the skull belong to it."""

FAR_MM = 35.0
"""Large pieces (mandible, vertebrae, a bone flap) this close belong to it too."""

SPECK_MM3 = 5.0
"""Smaller pieces are noise."""

LARGE_MM3 = 1000.0
"""A piece of this volume is large."""

TUBE_MM2 = 30.0
"""A separate piece with a smaller cross-section (volume by length) and TUBE_MM long is a tube."""

TUBE_MM = 35.0

MIN_BONE_ML = 20.0
"""Less bone than this is no skull."""

SOFT_SHARE = 1.0
"""Soft tissue by bone (volumes) below which a skull is dry; in a head it is about 4."""

HEAD_SHARE = 0.7
"""Share of the largest piece of bone that the head must hold to be believed."""


def extract_bone(
    ct: Volume, *, threshold: float | Literal["auto"] = DEFAULT_HU
) -> tuple[Volume, tuple[str, ...]]:
    """Make a mask of the bone of a head CT.

    Threshold; what lies outside the head (table, headrest, frames, tubes in the air) goes; the
    largest piece stays with what lies close to it. No hole is filled.

    Args:
        ct: (z, y, x), Hounsfield units (a missing offset and NaN are repaired with a warning).
        threshold: Hounsfield units from which a voxel is bone; "auto" takes it from the
            histogram and says so in a warning.

    Returns:
        The mask, bool on the same grid, and warnings.

    Raises:
        InputError: Not Hounsfield units, or no skull.
    """
    ct, warnings = hounsfield(ct)
    threshold, said = chosen_threshold(ct.array, threshold)
    warnings += said
    spacing = ct.geometry.spacing[::-1]
    bone: NDArray[np.bool_] = ct.array >= threshold
    unit = float(np.prod(spacing))
    _require(bone, unit, threshold)
    steps = coarse_steps((spacing[0], spacing[1], spacing[2]))
    dry = _is_dry(ct.array, bone, steps)
    if not dry:
        head = find_head(ct.array, (spacing[0], spacing[1], spacing[2]), steps)
        inside = refine(head, steps, bone.shape)
        inside &= bone
        dry = bool(np.count_nonzero(inside) < HEAD_SHARE * _largest(bone))
    if dry:
        inside = bone.copy()
    box = bounding_box(inside)
    if box is not None:
        part = inside[slices(*box)]
        part &= _belonging(part, (spacing[0], spacing[1], spacing[2]), steps)
    removed = (np.count_nonzero(bone) - np.count_nonzero(inside)) * unit / 1000.0
    if dry:
        warnings += ("No soft tissue surrounds the bone; nothing was removed as a headrest.",)
    if removed > 1.0:
        warnings += (
            f"{removed:.1f} ml above {threshold:g} HU that are not part of the skull (headrest, "
            "table, tubes, specks) were left out.",
        )
    _require(inside, unit, threshold)
    return Volume(inside, ct.geometry), warnings


def _require(bone: NDArray[np.bool_], unit: float, threshold: float) -> None:
    volume = int(np.count_nonzero(bone)) * unit / 1000.0
    if volume < MIN_BONE_ML:
        raise InputError(
            f"Only {volume:.1f} ml of bone above {threshold:g} HU were found; a skull has more "
            f"than {MIN_BONE_ML:.0f} ml.",
            hint="Check that this is a CT of a head in Hounsfield units, or lower the threshold.",
        )


def _is_dry(array: NDArray[Any], bone: NDArray[np.bool_], steps: tuple[int, int, int]) -> bool:
    """Tell a CT of a dry skull or a printed one, which has no soft tissue around it."""
    every = tuple(slice(None, None, step) for step in steps)
    count = int(np.count_nonzero(bone[every]))
    soft = int(np.count_nonzero(array[every] > SKIN_HU)) - count
    return soft < SOFT_SHARE * count


def _largest(mask: NDArray[np.bool_]) -> int:
    """Voxels of the largest piece, on every second voxel (an estimate is enough)."""
    parts, _ = label(mask[::2, ::2, ::2])
    sizes = np.bincount(parts.ravel())
    return int(sizes[1:].max()) * 8 if len(sizes) > 1 else 0


def _belonging(
    bone: NDArray[np.bool_], spacing: tuple[float, float, float], steps: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Voxels of the largest piece and of those that belong to it.

    Args:
        bone: (z, y, x) bool, cropped to what is there.
        spacing: mm along (z, y, x).
        steps: Every how many voxels distances are looked at, (z, y, x).
    """
    parts, count = label(bone)  # int32, 6-connected
    unit = float(np.prod(spacing))
    sizes = np.zeros(count + 1)
    for plane in parts:  # one by one: counting makes a copy of eight bytes a voxel
        sizes += np.bincount(plane.ravel(), minlength=count + 1)
    sizes *= unit
    sizes[0] = 0.0
    main = int(sizes.argmax())
    coarse = parts[:: steps[0], :: steps[1], :: steps[2]]
    sampling = [step * size for step, size in zip(steps, spacing, strict=True)]
    away = distance_transform_edt(coarse != main, sampling=sampling)
    lists = np.flatnonzero(sizes >= SPECK_MM3)
    nearest = np.full(count + 1, np.inf)
    nearest[lists] = minimum(away, coarse, lists)  # 0 where the coarse grid misses a piece
    missed = lists[~np.isin(lists, coarse)]
    boxes = find_objects(parts)
    for number in missed:
        where = boxes[number - 1]
        points = np.argwhere(parts[where] == number) + [part.start for part in where]
        points = np.minimum(points // steps, np.array(away.shape) - 1)
        nearest[number] = away[tuple(points.T)].min()
    belongs = (nearest <= NEAR_MM) & (sizes >= SPECK_MM3)
    belongs |= (nearest <= FAR_MM) & (sizes >= LARGE_MM3)
    for number in np.flatnonzero(belongs & (sizes < 4 * LARGE_MM3)):
        if number != main and _is_tube(boxes[number - 1], sizes[number], spacing):
            belongs[number] = False
    belongs[main] = True
    belongs[0] = False
    kept: NDArray[np.bool_] = belongs[parts]
    return kept


def _is_tube(where: tuple[slice, ...], volume: float, spacing: tuple[float, float, float]) -> bool:
    """Long and thin: a catheter, a wire, a strip of adhesive."""
    sides = [(p.stop - p.start) * size for p, size in zip(where, spacing, strict=True)]
    length = float(np.linalg.norm(sides))
    return length >= TUBE_MM and volume / length < TUBE_MM2
