"""A smoother implant whose faces continue those of the bone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.errors import UsageError
from skullfix.images.box import bounding_box, crop, part_of
from skullfix.images.volume import Geometry, Volume
from skullfix.implants.distance import signed_distance
from skullfix.implants.site import Site

MAXIMUM_MM = 5.0


def check_smoothing(smooth_mm: float) -> None:
    """Refuse a smoothing that is not within 0 to 5 mm.

    Raises:
        UsageError: It is not.
    """
    if not 0 <= smooth_mm <= MAXIMUM_MM:
        raise UsageError(
            f"A smoothing of {smooth_mm:g} mm was asked for; it must lie between 0 and"
            f" {MAXIMUM_MM:g} mm.",
            hint="0.5 to 1.5 mm is usual.",
        )


def smooth_implant(site: Site, mask: NDArray[np.bool_], smooth_mm: float) -> NDArray[np.bool_]:
    """Smooth the outer and inner face and keep the volume.

    Implant and bone are blurred together, so the faces run on into those of the bone and the rim
    is not rounded. Of the voxels outside the bone near the implant, as many are kept as there
    were, those with the highest values: the volume stays the same to the voxel, and nothing
    moves into bone.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site.
        smooth_mm: Standard deviation of the blur, 0 to 5 mm; 0 leaves the mask as it is.

    Returns:
        bool (z, y, x) of the same volume.

    Raises:
        UsageError: The value is out of range.
    """
    check_smoothing(smooth_mm)
    if smooth_mm == 0:
        return mask
    return _smoothed(mask, site.bone, site.to_bone, site.geometry, smooth_mm)


def smooth_mask(mask: Volume, smooth_mm: float) -> Volume:
    """Smooth a mask that stands alone and keep its volume to the voxel.

    Args:
        mask: bool (z, y, x), not empty.
        smooth_mm: Standard deviation of the blur, 0 to 5 mm; 0 leaves the mask as it is.

    Returns:
        bool, cropped to the mask and what the blur reaches.

    Raises:
        UsageError: The value is out of range.
    """
    check_smoothing(smooth_mm)
    box = bounding_box(mask.array)
    if smooth_mm == 0 or box is None:
        return mask
    part = crop(mask, *box)
    z, y, x = (math.ceil(1.5 * smooth_mm / s) + 1 for s in part.geometry.spacing[::-1])
    padded = np.pad(part.array, [(z, z), (y, y), (x, x)])
    depth, height, width = part.array.shape
    grid = part_of(part.geometry, (-z, -y, -x), (depth + z, height + y, width + x))
    nowhere = np.zeros(padded.shape, bool)
    far = np.full(padded.shape, np.inf, np.float32)
    return Volume(_smoothed(padded, nowhere, far, grid, smooth_mm), grid)


def _smoothed(
    mask: NDArray[np.bool_],
    bone: NDArray[np.bool_],
    to_bone: NDArray[np.float32],
    geometry: Geometry,
    smooth_mm: float,
) -> NDArray[np.bool_]:
    """Blur a mask together with the bone and keep as many voxels outside it as there were."""
    sigma = [smooth_mm / s for s in geometry.spacing[::-1]]
    blurred = ndimage.gaussian_filter((mask | bone).astype(np.float32), sigma, truncate=3.0)
    reach = 1.5 * smooth_mm
    to_mask = signed_distance(mask, geometry)
    allowed = ~bone & (to_mask <= reach)
    # not onto the faces of the bone around the hole: stay on the side of the rim's wall
    allowed &= mask | (to_bone > reach)
    # the middle of a thin wall is kept whatever the blur says
    certain = to_mask < min(geometry.spacing) - reach
    order = blurred[allowed] + 2.0 * certain[allowed]
    count = int(np.count_nonzero(mask))
    kept = np.zeros(len(order), bool)
    kept[np.argpartition(-order, count - 1)[:count]] = True
    result = np.zeros(mask.shape, bool)
    result[allowed] = kept
    return result
