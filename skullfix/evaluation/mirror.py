"""The surgeon's own method as a baseline: the healthy side of the skull, mirrored into the hole.

The mid-sagittal plane is found on the defective skull, the bone is mirrored about it, and what of
the mirror image lies in no bone, thick enough to be more than asymmetry, is the implant. As with
software for surgeons, holes that cross the middle cannot be filled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.images.box import bounding_box, crop, slices
from skullfix.images.midplane import Plane, skull_plane
from skullfix.images.resample import block_average, trilinear
from skullfix.images.volume import Volume

VERSION = "mirror-2"
"""Changes when the baseline's answers do."""

GAP_MM = 2.0
"""How far from bone the mirror image must reach before it is more than asymmetry; a voxel if that
is larger."""

OPENING_MM = 1.5
"""Radius of the opening that takes thin sheets and bridges away."""

SHARE = 0.25
"""Smallest piece that is kept, as a share of the largest; a hole beside another one counts."""

_MARGIN_MM = 12.0  # around the bone: an implant may bulge beyond what is left of the skull
_FULL = 255.0


@dataclass(frozen=True, eq=False)
class MirrorImplant:
    """The baseline's answer before the cleaning, on a grid of about 0.9 mm.

    Attributes:
        implant: (z, y, x) float32 occupancy, 0 to 1, all zero where nothing is missing.
        bone: (z, y, x) float32 occupancy of the defective skull.
        plane: About which the bone was mirrored.
    """

    implant: Volume
    bone: Volume
    plane: Plane


def mirror_implant(bone: Volume) -> MirrorImplant:
    """Fill the holes of a skull with its mirror image.

    Args:
        bone: bool mask of the defective skull, (z, y, x), not empty, on any grid.

    Returns:
        The answer, to be brought to the scan's grid and cleaned like any other.
    """
    margin = int(_MARGIN_MM / min(bone.geometry.spacing))
    coarse = block_average(crop(bone, *_box(bone, margin)))
    solid = coarse.array / np.float32(_FULL)
    plane = skull_plane(Volume(solid, coarse.geometry))
    image = _mirrored(Volume(solid, coarse.geometry), plane)
    free = (image > 0.5) & (solid < 0.5)
    taken = np.where(_holes(free, solid >= 0.5, coarse.geometry.spacing[::-1]), image, 0)
    implant = np.minimum(taken, 1 - solid).astype(np.float32)
    low, high = bounding_box(implant > 0, margin=2) or ((0, 0, 0), (1, 1, 1))
    return MirrorImplant(
        crop(Volume(implant, coarse.geometry), low, high),
        crop(Volume(solid, coarse.geometry), low, high),
        plane,
    )


def _box(bone: Volume, margin: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Find the box of the bone."""
    box = bounding_box(bone.array, margin=margin)
    if box is None:
        raise ValueError("the mask is empty")
    return box


def _mirrored(solid: Volume, plane: Plane) -> NDArray[np.float32]:
    """Occupancy of the mirror image on the same grid, (z, y, x) float32."""
    affine = solid.geometry.affine()
    step = torch.from_numpy(np.linalg.inv(affine) @ plane.reflection() @ affine).float()
    array = torch.from_numpy(solid.array)
    depth, height, width = solid.array.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    out = np.empty(solid.array.shape, np.float32)
    for z in range(depth):
        index = torch.stack([x, y, torch.full_like(x, z)], -1).float()  # (y, x, 3)
        out[z] = trilinear(array, index @ step[:3, :3].T + step[:3, 3]).numpy()
    return out


def _holes(
    free: NDArray[np.bool_], solid: NDArray[np.bool_], spacing: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Choose the voxels of the free mirror image that fill holes.

    Args:
        free: Mirror image without bone.
        solid: Bone.
        spacing: mm along (z, y, x).
    """
    gap = max(GAP_MM, *spacing)
    core = _opened(free & (ndimage.distance_transform_edt(~solid, sampling=spacing) > gap), spacing)
    label, count = ndimage.label(core)
    if not count:
        return np.zeros_like(free)
    sizes = np.bincount(label.ravel())
    sizes[0] = 0
    kept = (sizes >= SHARE * sizes.max())[label]
    chosen = np.zeros_like(free)
    reach = gap + 2 * OPENING_MM
    around = int(reach / min(spacing)) + 1
    low, high = bounding_box(kept, margin=around) or ((0, 0, 0), (1, 1, 1))
    here = slices(low, high)
    near = ndimage.distance_transform_edt(~kept[here], sampling=spacing) <= reach
    chosen[here] = free[here] & near
    return chosen


def _opened(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.bool_]:
    """Erode by OPENING_MM, piece by piece: most pieces are thin and lie far apart."""
    label, _ = ndimage.label(mask)
    smallest = 4 / 3 * np.pi * OPENING_MM**3 / np.prod(spacing) / 2
    sizes = np.bincount(label.ravel())
    core = np.zeros_like(mask)
    for number, box in enumerate(ndimage.find_objects(label), 1):
        if sizes[number] >= smallest:
            piece = np.pad(label[box] == number, 1)
            deep = ndimage.distance_transform_edt(piece, sampling=spacing) > OPENING_MM
            core[box] |= deep[1:-1, 1:-1, 1:-1]
    return core
