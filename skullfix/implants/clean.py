"""From 'completed minus defective' to the pieces that are an implant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.errors import InputError
from skullfix.images.box import bounding_box, crop
from skullfix.images.volume import Volume
from skullfix.implants.distance import depth_in, distance_to

FILM_MM = 1.2  # a thinner sheet is no bone
MINIMUM_ML = 1.0  # a smaller piece is no implant
_MARGIN_MM = 6.0
_REACH = 1.8  # what an opening gives back lies within this many radii of what it left
_FLOATING_MM = 3.0  # a piece farther than this from all bone fills no hole
_SHELL_CONTACT = 0.4  # share of a piece's surface on bone above which a thin piece is overgrowth
_SHELL_MM = 3.0


@dataclass(frozen=True)
class LeftOut:
    """A piece that was taken for no implant.

    Attributes:
        volume_ml: Its volume.
        centre_mm: Its centroid, LPS.
    """

    volume_ml: float
    centre_mm: tuple[float, float, float]


@dataclass(frozen=True)
class CleanImplant:
    """An implant mask and what was found on the way.

    Attributes:
        mask: bool (z, y, x) on the input's grid, without a voxel of the bone; empty where there
            is no defect.
        pieces_ml: Volume of each piece, largest first; empty where there is no defect.
        left_out: Pieces that looked like implants and were doubted later.
    """

    mask: Volume
    pieces_ml: tuple[float, ...]
    left_out: tuple[LeftOut, ...] = ()


def clean_implant(
    candidate: Volume, bone: Volume, *, minimum_ml: float = MINIMUM_ML
) -> CleanImplant:
    """Keep the pieces of a raw candidate that fill a hole in the bone.

    Sheets thinner than FILM_MM are opened away, where the grid is fine enough to tell them
    from bone; a sheet three voxels thick always stays. Pieces are dropped that are small, that
    float, or that lie on intact bone like a shell.

    Args:
        candidate: bool or uint8 {0, 1} (z, y, x), usually completed and not defective.
        bone: The defective skull on the same grid.
        minimum_ml: Smaller pieces are dropped.

    Returns:
        The implant; empty when nothing plausible is left, which means 'no defect'.

    Raises:
        InputError: The two masks are not on one grid.
    """
    if candidate.geometry != bone.geometry:
        raise InputError(
            "The candidate and the bone are not on one grid:"
            f" {candidate.geometry.size} and {bone.geometry.size} voxels or other positions.",
            hint="Resample one onto the other.",
        )
    voxel_ml = candidate.geometry.voxel_volume_ml
    shape = candidate.array.shape
    raw = candidate.array.astype(bool, copy=False)
    kept: list[_Piece] = []
    for rough in _pieces(raw & ~bone.array.astype(bool, copy=False), minimum_ml / voxel_ml):
        around = [round(_MARGIN_MM / s) + 2 for s in candidate.geometry.spacing[::-1]]
        low = [max(0, b.start - m) for b, m in zip(rough.box, around, strict=True)]
        high = [min(n, b.stop + m) for b, m, n in zip(rough.box, around, shape, strict=True)]
        near = crop(bone, (low[0], low[1], low[2]), (high[0], high[1], high[2]))
        solid = near.array.astype(bool, copy=False)
        local = np.zeros(solid.shape, bool)
        local[_shifted(rough.box, [-a for a in low])] = rough.mask
        opened = ndimage.binary_fill_holes(_without_film(local, near)) & ~solid
        to_bone = distance_to(solid, near.geometry)
        for fine in _pieces(opened, minimum_ml / voxel_ml):
            if _fills_a_hole(fine.mask, to_bone[fine.box], near):
                kept.append(_Piece(_shifted(fine.box, low), fine.mask))
    result = np.zeros(shape, bool)
    for piece in kept:
        result[piece.box] |= piece.mask
    return CleanImplant(
        mask=Volume(result, candidate.geometry),
        pieces_ml=tuple(sorted((piece.voxels * voxel_ml for piece in kept), reverse=True)),
    )


@dataclass(frozen=True)
class _Piece:
    """A connected piece: where it lies in an array, and its bool mask there."""

    box: tuple[slice, ...]
    mask: NDArray[np.bool_]

    @property
    def voxels(self) -> int:
        return int(np.count_nonzero(self.mask))


def _shifted(box: Sequence[slice], by: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(b.start + d, b.stop + d) for b, d in zip(box, by, strict=True))


def _pieces(mask: NDArray[np.bool_], minimum_voxels: float) -> list[_Piece]:
    """Find the pieces connected through faces that are large enough."""
    box = bounding_box(mask)
    if box is None:
        return []
    low, high = box
    label, _ = ndimage.label(mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]])
    sizes = np.bincount(label.ravel())
    return [
        _Piece(_shifted(place, low), label[place] == number)
        for number, place in enumerate(ndimage.find_objects(label), start=1)
        if sizes[number] >= minimum_voxels
    ]


def _without_film(piece: NDArray[np.bool_], near: Volume) -> NDArray[np.bool_]:
    """Open a piece by half the film's thickness, giving back edges and corners."""
    radius = FILM_MM / 2
    core = depth_in(piece, near.geometry) > radius
    kept: NDArray[np.bool_] = piece & (distance_to(core, near.geometry) <= _REACH * radius)
    return kept


def _fills_a_hole(part: NDArray[np.bool_], to_bone: NDArray[Any], near: Volume) -> bool:
    """Whether a piece touches bone at its rim, not with a broad side."""
    if float(to_bone[part].min()) > _FLOATING_MM:
        return False
    depth = depth_in(part, near.geometry)
    spacing = max(near.geometry.spacing)
    if 2 * float(depth.max()) - spacing >= _SHELL_MM:
        return True
    surface = part & (depth <= spacing)
    contact = np.count_nonzero(to_bone[surface] <= 2 * spacing) / np.count_nonzero(surface)
    return bool(contact < _SHELL_CONTACT)
