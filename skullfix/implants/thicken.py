"""More wall where an implant is too thin, on its inner side."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.errors import UsageError
from skullfix.images.box import bounding_box, slices
from skullfix.implants.site import Site
from skullfix.implants.thickness import outer_face

MAXIMUM_MM = 10.0


def check_thickness(minimum_mm: float) -> None:
    """Refuse a minimum thickness that is not within 0 to 10 mm.

    Raises:
        UsageError: It is not.
    """
    if not 0 <= minimum_mm <= MAXIMUM_MM:
        raise UsageError(
            f"A minimum thickness of {minimum_mm:g} mm was asked for; it must lie between 0 and"
            f" {MAXIMUM_MM:g} mm.",
            hint="3 to 5 mm is usual.",
        )


def thicken_implant(site: Site, mask: NDArray[np.bool_], minimum_mm: float) -> NDArray[np.bool_]:
    """Add material on the inner side until the wall has a minimum thickness.

    A voxel is added when it lies behind the outer face (against its normal) within the minimum.
    Nothing is added to the outer face, nor in bone.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site.
        minimum_mm: The thickness wanted, 0 to 10 mm.

    Returns:
        bool (z, y, x), the mask and what was added.

    Raises:
        UsageError: The value is out of range.
    """
    check_thickness(minimum_mm)
    face = outer_face(site, mask)
    box = bounding_box(face, margin=math.ceil(minimum_mm / min(site.geometry.spacing)))
    if minimum_mm == 0 or box is None:
        return mask
    near = slices(*box)
    distance, nearest = ndimage.distance_transform_edt(
        ~face[near], sampling=site.geometry.spacing[::-1], return_indices=True
    )
    # half a voxel of the wall lies outside the centres of the face, half one inside the last
    behind = np.zeros(mask.shape, bool)
    behind[near] = distance <= minimum_mm - 0.5 * site.voxel
    behind &= ~mask & ~site.bone
    index = np.argwhere(behind)
    first = np.array([part.start for part in near])
    at = nearest[:, behind[near]].T.astype(np.int64) + first
    affine = site.geometry.affine()[:3, :3]
    away = (index - at)[:, ::-1] @ affine.T
    normal = site.normals(at)
    cosine = (away * normal).sum(axis=1) / np.maximum(np.linalg.norm(away, axis=1), 1e-6)
    added = np.zeros(mask.shape, bool)
    added[tuple(index[cosine < -0.8].T)] = True
    # close what the steps of the normals left open
    together = mask | added
    closed = ndimage.binary_closing(together, iterations=1) & ~site.bone
    result: NDArray[np.bool_] = together | (closed & behind)
    return result
