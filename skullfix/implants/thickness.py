"""How thick the wall of an implant is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.implants.site import Site

RIM_MM = 2.0
_STEP_MM = 0.2
_LONGEST_MM = 25.0
_MOST_RAYS = 20_000


@dataclass(frozen=True)
class Thickness:
    """Wall thickness in mm, at least 2 mm away from the rim where the implant is that wide."""

    mean: float
    minimum: float
    p5: float


def measure_thickness(site: Site, mask: NDArray[np.bool_]) -> Thickness:
    """Measure the wall along the normals of the outer face.

    A ray goes from each voxel of the outer face inwards until it leaves the implant; the mask is
    interpolated trilinearly, so the length is finer than a voxel.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site, at least one voxel.

    Returns:
        The thickness; zeros where the mask has no outer face.
    """
    lengths = _wall_lengths(site, mask)
    if not len(lengths):
        return Thickness(0.0, 0.0, 0.0)
    return Thickness(float(lengths.mean()), float(lengths.min()), float(np.percentile(lengths, 5)))


def _wall_lengths(site: Site, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) length of the wall at voxels of the outer face, mm."""
    face = outer_face(site, mask)
    gap = site.to_bone[mask].min() if mask.any() else 0.0
    inner = face & (site.to_bone > max(float(gap), 0.0) + RIM_MM)
    if np.count_nonzero(inner) < 20:
        inner = face
    start = site.world(inner)
    normals = site.normals(np.argwhere(inner))
    if len(start) > _MOST_RAYS:
        chosen = np.linspace(0, len(start) - 1, _MOST_RAYS).astype(int)
        start, normals = start[chosen], normals[chosen]
    steps = np.arange(-2.0, _LONGEST_MM, _STEP_MM)
    inverse = np.linalg.inv(site.geometry.affine())
    first = site.geometry.indices(start)
    along = (-normals @ inverse[:3, :3].T)[:, ::-1]
    lengths = np.empty(len(start))
    field = mask.astype(np.float32)
    for at in range(0, len(start), 4096):
        points = first[at : at + 4096, :, None] + along[at : at + 4096, :, None] * steps
        inside = ndimage.map_coordinates(field, points.transpose(1, 0, 2), order=1) > 0.5
        # the run of 'inside' around the start
        zero = int(np.argmin(np.abs(steps)))
        ahead = np.logical_and.accumulate(inside[:, zero:], axis=1).sum(axis=1)
        behind = np.logical_and.accumulate(inside[:, zero::-1], axis=1).sum(axis=1)
        lengths[at : at + 4096] = (ahead + behind - 1) * _STEP_MM
    return lengths


def outer_face(site: Site, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of the mask on its outer face: next to the outside, their normal away from the head.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site.

    Returns:
        bool (z, y, x).
    """
    surface = np.argwhere(mask & ~ndimage.binary_erosion(mask | site.bone))
    facing = np.einsum("ij,ij->i", site.normals(surface), site.outward(surface))
    face = np.zeros(mask.shape, bool)
    face[tuple(surface[facing > 0.5].T)] = True
    return face
