"""A common frame for all heads: the one in which a vault lies as others do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from skullfix.images.midplane import Plane
from skullfix.images.volume import Volume
from skullfix.vault.directions import COARSE_LEVEL, vault_directions
from skullfix.vault.surfaces import Pose, surfaces

_BELOW_VERTEX_MM = 75.0
_VAULT_MM = 80.0  # from the vertex down, whose centroid is the first guess of the centre
_ROUNDS = 8
_NEAR_ENOUGH_MM = 0.02
_DOUBT_MM = 4.0  # a deviation that large counts half
_FARTHEST_MM, _FARTHEST_RAD = 8.0, 0.15  # in one round
_NUDGE_MM, _NUDGE_RAD = 1.0, 0.01


def rough_pose(bone: Volume, plane: Plane) -> Pose:
    """Guess a head's frame from its mid-sagittal plane and the direction of the world's z.

    Args:
        bone: uint8 occupancy, 255 is full, (z, y, x), not empty.
        plane: Its mid-sagittal plane.
    """
    rows = 2.0 * np.argwhere(bone.array[::2, ::2, ::2] > 127)
    if not len(rows):  # nothing is as thick as a voxel
        rows = np.argwhere(bone.array).astype(np.float64)
    points = bone.geometry.positions(rows)
    top = points[:, 2].max(initial=-np.inf)
    centre = points[points[:, 2] > top - _VAULT_MM].mean(0)
    left = np.array(plane.normal) * np.copysign(1.0, plane.normal[0])
    centre = centre - left * ((centre - np.asarray(plane.point)) @ left)
    centre[2] = top - _BELOW_VERTEX_MM
    up = np.array((0.0, 0.0, 1.0)) - left * left[2]
    up /= np.linalg.norm(up)
    return Pose(centre, np.stack([left, np.cross(up, left), up], 1))


def fitted_pose(bone: Volume, pose: Pose, mean: NDArray[np.float64]) -> Pose:
    """Move and turn a frame to where the outer surface lies nearest the mean head's, at any size.

    Gauss and Newton's method on six numbers and the mean's size; what deviates by several mm
    counts little.

    Args:
        bone: uint8 occupancy, 255 is full, (z, y, x).
        pose: A guess.
        mean: (N,) distance of the outer surface in each of `vault_directions`, mm; directions
            with NaN do not count.
    """
    directions = vault_directions(COARSE_LEVEL)
    use = np.isfinite(mean[: len(directions)])
    directions, wanted = directions[use], mean[: len(directions)][use]
    nudges = np.diag([_NUDGE_MM] * 3 + [_NUDGE_RAD] * 3)
    for _ in range(_ROUNDS):
        off, *nudged = (
            surfaces(bone, _moved(pose, nudge), directions)[0] - wanted
            for nudge in (np.zeros(6), *nudges)
        )
        slopes = [(there - off) / step for there, step in zip(nudged, nudges.max(1), strict=True)]
        jacobian = np.stack([*slopes, wanted], 1)
        good = np.isfinite(off) & np.isfinite(jacobian).all(1)
        jacobian, off = jacobian[good], off[good]
        weighted = jacobian / (1 + (off[:, None] / _DOUBT_MM) ** 2)
        damping = np.diag([1e-3] * 3 + [1.0] * 3 + [1e-3])
        step = -np.linalg.solve(weighted.T @ jacobian + damping, weighted.T @ off)[:6]
        step[:3] = np.clip(step[:3], -_FARTHEST_MM, _FARTHEST_MM)
        step[3:] = np.clip(step[3:], -_FARTHEST_RAD, _FARTHEST_RAD)
        pose = _moved(pose, step)
        if np.abs(step[:3]).max() < _NEAR_ENOUGH_MM:
            break
    # sums differ in their last digits with the number of threads; what follows shall not
    return Pose(np.round(pose.centre, 6), np.round(pose.axes, 9))


def _moved(pose: Pose, step: NDArray[np.float64]) -> Pose:
    """Move a frame by (3,) mm and turn it by a (3,) rotation vector, both in its own axes."""
    turn = Rotation.from_rotvec(step[3:]).as_matrix()
    return Pose(pose.world(step[:3]), pose.axes @ turn)
