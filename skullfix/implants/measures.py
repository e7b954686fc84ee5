"""Measures of a fitted implant against its bone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.implants.distance import distance_to
from skullfix.implants.insertion import across
from skullfix.implants.keep_out import bone_distance
from skullfix.implants.site import Site
from skullfix.meshes.mesh import Mesh

_BINS = 90


def gap_to_bone(site: Site, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Measure the gap that the wall of the hole sees.

    Args:
        site: Where the implant is; its bone that touches the cleaned implant is the wall.
        mask: bool (z, y, x) on the site, the fitted implant without a lip.

    Returns:
        Mean and 95th percentile in mm; NaN where the implant touches no bone.
    """
    near = ndimage.binary_dilation(site.implant) & site.bone
    if not near.any() or not mask.any():
        return math.nan, math.nan
    gaps = np.maximum(distance_to(mask, site.geometry)[near] - site.voxel, 0)
    return float(gaps.mean()), float(np.percentile(gaps, 95))


def rim_length(site: Site, direction: tuple[float, float, float]) -> float:
    """Length (mm) of the rim: a closed line through the middle of the contact with the bone.

    Args:
        site: Where the implant is.
        direction: Unit vector (LPS) out of the skull, about which the rim runs.

    Returns:
        The length; 0 where the implant touches no bone.
    """
    contact = site.implant & ndimage.binary_dilation(site.bone)
    points = site.world(contact)
    if len(points) < 3:
        return 0.0
    u, v = across(np.asarray(direction, np.float64))
    offset = points - site.world(site.implant).mean(axis=0)
    angle = np.arctan2(offset @ v, offset @ u)
    place = np.floor((angle + math.pi) / (2 * math.pi) * _BINS).astype(int) % _BINS
    counts = np.bincount(place, minlength=_BINS)
    sums = np.stack(
        [np.bincount(place, weights=points[:, i], minlength=_BINS) for i in range(3)], axis=1
    )
    line = sums[counts > 0] / counts[counts > 0][:, None]
    return float(np.linalg.norm(line - np.roll(line, 1, axis=0), axis=1).sum())


def penetration(site: Site, mesh: Mesh) -> float:
    """How deep (mm) vertices of a mesh lie in bone; 0 where none does.

    Args:
        site: Where the implant is.
        mesh: LPS mm.

    Returns:
        The largest depth below the bone's surface, by trilinear interpolation.
    """
    return max(0.0, -float(bone_distance(site, mesh.vertices).min()))
