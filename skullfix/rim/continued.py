"""How the bone's surface runs on beyond its edge.

A Gaussian process over the heights of the bone's surface in the tangent plane of a point that lies
beyond the edge (Rasmussen and Williams 2006, section 2.2; with a plane of unknown height and tilt,
section 2.7): smooth over 12 mm, with dents of 0.6 mm over 4 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skullfix.rim.surface import Points

REACH_MM = 8.0
"""Bone that lies farther from a point says nothing of it."""

_SMOOTH = ((0.6, 4.0), (4.0, 12.0))  # mm high, mm wide
_HEIGHT_MM, _TILT = 3.0, 0.6  # standard deviations of the plane
_NEIGHBOURS = 72  # at most
_LEAST = 15
_SAME_SIDE = 0.5  # cosine between two normals of one surface
_STEEP, _STEP_MM = 0.6, 1.0  # rise, and step, above which bone belongs to something else
_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Continuation:
    """The bone's surface where there is no bone.

    Attributes:
        height: (N,) mm along the normal from each point to the surface; NaN where too little
            bone is near.
        variance: (N,) of it, mm².
    """

    height: NDArray[np.float64]
    variance: NDArray[np.float64]


def continued(
    points: Points,
    normals: Points,
    bone_points: Points,
    bone_normals: Points,
    uncertainty: NDArray[np.float64],
) -> Continuation:
    """Continue the bone's surface to points beside it.

    Args:
        points: (N, 3), LPS mm.
        normals: (N, 3) unit normals of the surface wanted.
        bone_points: (M, 3) on the bone's surface, not empty.
        bone_normals: (M, 3).
        uncertainty: (M,) standard deviation of where the bone's surface lies, mm.
    """
    count = min(_NEIGHBOURS, len(bone_points))
    tree, ranks = cKDTree(bone_points), np.arange(1, count + 1)
    far, near = map(np.asarray, tree.query(points, k=ranks, distance_upper_bound=REACH_MM))
    height, variance = np.full(len(points), np.nan), np.full(len(points), np.nan)
    for first in range(0, len(points), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        missing = ~np.isfinite(far[part])
        which = np.where(missing, 0, near[part])
        u, v, up = _in_frame(bone_points[which] - points[part, None], normals[part])
        alike = np.einsum("nkd,nd->nk", bone_normals[which], normals[part]) > _SAME_SIDE
        known = ~missing & alike & (np.abs(up) < _STEEP * np.hypot(u, v) + _STEP_MM)
        noise = np.where(known, uncertainty[which], 1)
        found = _foretold(u, v, np.where(known, up, 0), known, noise)
        enough = known.sum(1) >= _LEAST
        height[part], variance[part] = (np.where(enough, value, np.nan) for value in found)
    return Continuation(height, variance)


def _in_frame(offsets: Points, normals: Points) -> tuple[Points, Points, Points]:
    """Split (N, K, 3) offsets into two along the tangent planes and one along the normals."""
    helper = np.eye(3)[np.argmin(np.abs(normals), 1)]
    first = np.cross(normals, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(normals, first)
    u, v, up = (np.einsum("nkd,nd->nk", offsets, axis) for axis in (first, second, normals))
    return u, v, up


def _foretold(
    u: Points, v: Points, up: Points, known: NDArray[np.bool_], noise: Points
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Foretell (N,) heights at u = v = 0, and their variance, from (N, K) known ones.

    `noise` is their standard deviation; 1 where nothing is known.
    """
    apart = (u[:, :, None] - u[:, None]) ** 2 + (v[:, :, None] - v[:, None]) ** 2
    tilt = u[:, :, None] * u[:, None] + v[:, :, None] * v[:, None]
    among = _smooth(apart) + _HEIGHT_MM**2 + _TILT**2 * tilt
    across = _smooth(u**2 + v**2) + _HEIGHT_MM**2
    among *= known[:, :, None] & known[:, None]
    across = across * known
    diagonal = np.arange(u.shape[1])
    among[:, diagonal, diagonal] += noise**2
    weights = np.linalg.solve(among, np.stack([up, across], -1))
    before = _smooth(np.zeros(1)) + _HEIGHT_MM**2
    variance = before - (across * weights[..., 1]).sum(1)
    return (across * weights[..., 0]).sum(1), np.maximum(variance, 1e-4)


def _smooth(squared: Points) -> Points:
    """Covariance of heights that lie apart, by the squared distance in mm²."""
    return np.asarray(sum(a**2 * np.exp(-0.5 * squared / b**2) for a, b in _SMOOTH))
