"""Where rays from inside a head meet the outer and the inner surface of its bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from skullfix.images.volume import Volume

NEAREST_MM, FARTHEST_MM = 30.0, 135.0
"""Between these distances from the pose's centre bone is sought."""

THINNEST_MM, THICKEST_MM = 1.0, 20.0
"""What a ray finds between two surfaces outside these is no part of the vault."""

_STEP_MM = 0.5
_HALF = 127.5  # occupancy at a surface, of 255


@dataclass(frozen=True, eq=False)
class Pose:
    """A frame in a head.

    Attributes:
        centre: (3,) LPS mm.
        axes: (3, 3), columns: the head's left, back and up as unit vectors in the world (LPS).
    """

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]

    def world(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take points (..., 3) of the frame, mm, to the world."""
        there: NDArray[np.float64] = self.centre + points @ self.axes.T
        return there

    def own(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take points (..., 3) of the world to the frame."""
        here: NDArray[np.float64] = (points - self.centre) @ self.axes
        return here


def surfaces(bone: Volume, pose: Pose, directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure a skull along rays.

    Args:
        bone: uint8 occupancy, 255 is full, (z, y, x).
        pose: Whose centre the rays start from.
        directions: (N, 3) unit vectors in the pose's frame.

    Returns:
        (2, N) distance of the outermost and of the innermost surface, mm; NaN on both where a ray
        meets no bone.
    """
    steps = np.arange(NEAREST_MM, FARTHEST_MM, _STEP_MM)
    inverse = np.linalg.inv(bone.geometry.affine())
    start = inverse[:3, :3] @ pose.centre + inverse[:3, 3]
    along = directions @ (inverse[:3, :3] @ pose.axes).T
    index = start[:, None, None] + along.T[:, :, None] * steps
    seen = map_coordinates(
        bone.array, index[::-1], order=1, mode="constant", output=np.float32, prefilter=False
    )
    solid = seen >= _HALF
    rays = np.arange(len(directions))
    last = np.minimum(len(steps) - 1 - solid[:, ::-1].argmax(1), len(steps) - 2)
    first = np.maximum(solid.argmax(1), 1)
    outer = steps[last] + _STEP_MM * _share(seen[rays, last], seen[rays, last + 1])
    inner = steps[first] - _STEP_MM * _share(seen[rays, first], seen[rays, first - 1])
    found: NDArray[np.float64] = np.where(solid.any(1), np.stack([outer, inner]), np.nan)
    return found


def plausible(found: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell in which of N directions both surfaces, (2, N) mm, may be the vault's."""
    thickness = found[0] - found[1]
    good: NDArray[np.bool_] = (thickness > THINNEST_MM) & (thickness < THICKEST_MM)
    return good


def _share(inside: NDArray[np.float32], outside: NDArray[np.float32]) -> NDArray[np.float64]:
    """Find how far from the inner to the outer of two samples the surface lies, 0 to 1."""
    fall = np.maximum(inside.astype(np.float64) - outside, 1e-3)
    return np.clip((inside - _HALF) / fall, 0, 1)
