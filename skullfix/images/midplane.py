"""The mid-sagittal plane of a skull, and the skull mirrored about it.

Symmetry is the surgeon's own method: where one side is lost, the other tells what it was like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.images.resample import splat, trilinear
from skullfix.images.volume import Geometry, Volume

SEARCH_MM = 4.0
"""Voxel spacing on which the plane is sought."""

FAINT = 0.02
"""Mirrored occupancies below this are nothing."""

_TURN_DEG, _TURN_STEP_DEG = 24.0, 6.0
_SHIFT_MM, _SHIFT_STEP_MM = 16.0, 4.0
_FINEST = 0.1  # degrees and mm
_GLANCE = 5  # every how many voxels the grid of steps looks at
_SECOND_LOOKS = 12  # of its best steps are looked at in full


@dataclass(frozen=True)
class Plane:
    """A plane in the world.

    Attributes:
        point: On it, LPS mm.
        normal: Unit vector, towards the patient's left.
    """

    point: tuple[float, float, float]
    normal: tuple[float, float, float]

    @classmethod
    def through(cls, point: NDArray[np.float64], normal: NDArray[np.float64]) -> Plane:
        """Make a plane of a point (3,) and a normal (3,) of any length."""
        x, y, z = point.tolist()
        nx, ny, nz = (normal / np.linalg.norm(normal)).tolist()
        return cls((x, y, z), (nx, ny, nz))

    def reflection(self) -> NDArray[np.float64]:
        """(4, 4) matrix that mirrors world points (x, y, z, 1)."""
        normal, point = np.array(self.normal), np.array(self.point)
        matrix = np.eye(4)
        matrix[:3, :3] -= 2 * np.outer(normal, normal)
        matrix[:3, 3] = 2 * (point @ normal) * normal
        return matrix


def midsagittal_plane(rows: Tensor, fraction: Tensor, grid: Geometry) -> Plane:
    """Find the plane about which a skull is most nearly its own mirror image.

    From the scan's left-right axis through the bone's centroid the plane is turned and moved,
    first on a grid of steps, then in ever smaller ones, to where bone and mirror image overlap
    most, at SEARCH_MM.

    Args:
        rows: (N, 3) int64 array indices (z, y, x) of the voxels that hold bone, N > 0.
        fraction: (N,) float32 of bone in each, on any scale.
        grid: Theirs, in any direction.
    """
    points = grid.positions(rows.numpy()).astype(np.float32)
    spots = torch.from_numpy(points)
    low = spots.amin(0)
    sums = splat(((spots - low) / SEARCH_MM).flip(1), fraction)
    solid = sums / sums.max()
    held = solid.nonzero()
    weight = solid[tuple(held.unbind(1))]
    place_of = held.flip(1).float() * SEARCH_MM  # (n, 3) mm from `low`, x y z
    centre = (place_of * weight[:, None]).sum(0) / weight.sum()
    place_of = place_of - centre

    def overlaps(yaw: float, roll: float, shifts: Sequence[float], every: int = 1) -> list[float]:
        normal = torch.tensor(_normal(yaw, roll), dtype=torch.float32)
        near = place_of[::every]
        beyond = near @ normal - torch.tensor(shifts, dtype=torch.float32)[:, None]  # (shifts, n)
        image = near - 2 * beyond[:, :, None] * normal + centre
        found: list[float] = (trilinear(solid, image / SEARCH_MM) @ weight[::every]).tolist()
        return found

    def overlap(yaw: float, roll: float, shift: float) -> float:
        return overlaps(yaw, roll, [shift])[0]

    turns = np.arange(-_TURN_DEG, _TURN_DEG + 1, _TURN_STEP_DEG).tolist()
    shifts = np.arange(-_SHIFT_MM, _SHIFT_MM + 1, _SHIFT_STEP_MM).tolist()
    glances = [
        (seen, (yaw, roll, shift))
        for yaw, roll in product(turns, turns)
        for seen, shift in zip(overlaps(yaw, roll, shifts, _GLANCE), shifts, strict=True)
    ]
    promising = [at for _, at in sorted(glances)[-_SECOND_LOOKS:]]
    best, place = max((overlap(*at), at) for at in promising)
    step = np.array([_TURN_STEP_DEG, _TURN_STEP_DEG, _SHIFT_STEP_MM]) / 2
    while step.max() > _FINEST:
        tries = [np.add(place, sign * step * axis) for axis in np.eye(3) for sign in (-1, 1)]
        found, near = max((overlap(*t.tolist()), tuple(t.tolist())) for t in tries)
        if found > best:
            best, place = found, near
        else:
            step = step / 2
    normal = _normal(place[0], place[1])
    return Plane.through((low + centre).double().numpy() + place[2] * normal, normal)


def skull_plane(occupancy: Volume) -> Plane:
    """Find the mid-sagittal plane of a skull, (z, y, x) occupancies of any real dtype, not zero."""
    rows = np.argwhere(occupancy.array > 0)
    fraction = torch.from_numpy(occupancy.array[tuple(rows.T)].astype(np.float32))
    return midsagittal_plane(torch.from_numpy(rows), fraction, occupancy.geometry)


def reflected(rows: Tensor, grid: Geometry, plane: Plane) -> Tensor:
    """(N, 3) float32 indices (z, y, x) of the mirror points of (N, 3) int64 indices."""
    affine = grid.affine()
    step = np.linalg.inv(affine) @ plane.reflection() @ affine  # index (x, y, z) -> index
    turn = torch.from_numpy(step[2::-1, 2::-1].astype(np.float32))  # the same for (z, y, x)
    return rows.float() @ turn.T + torch.from_numpy(step[2::-1, 3].astype(np.float32))


def with_mirror_image(
    rows: Tensor, fraction: Tensor, grid: Geometry, plane: Plane
) -> tuple[Tensor, Tensor]:
    """Lay a skull's mirror image beside it.

    Each voxel's bone goes to the eight voxels around its mirror point, in the shares of trilinear
    interpolation.

    Args:
        rows: (N, 3) int64 array indices (z, y, x), which may lie outside the grid, N > 0.
        fraction: (N,) float32 fraction of bone in each, 0 to 1.
        grid: Of cubic voxels, in any direction.
        plane: Of the skull.

    Returns:
        (M, 3) int64 indices (z, y, x), sorted, of the voxels that hold bone or mirror image, and
        (M, 2) float32: the fraction of bone, the fraction of the mirror image.
    """
    bone, image, lowest = laid_beside(rows, fraction, reflected(rows, grid, plane))
    image[image < FAINT] = 0
    held = (bone + image).nonzero()
    there = tuple(held.unbind(1))
    return held + lowest, torch.stack([bone[there], image[there].clamp(max=1)], 1)


def laid_beside(rows: Tensor, fraction: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Lay bone and its mirror image out on one grid.

    Args:
        rows: (N, 3) int64 indices (z, y, x).
        fraction: (N,) float32 of bone.
        mirrored: (N, 3) float32, of `reflected`.

    Returns:
        Bone and image, (z, y, x) float32, and the (3,) index of their first voxel. Where mirror
        points meet, the image may pass 1.
    """
    lowest = torch.minimum(mirrored.amin(0).floor().long(), rows.amin(0))
    size = torch.maximum(mirrored.amax(0).floor().long() + 1, rows.amax(0)) - lowest + 1
    image = splat(mirrored - lowest, fraction, size.tolist())
    bone = torch.zeros_like(image)
    bone[tuple((rows - lowest).unbind(1))] = fraction
    return bone, image, lowest


def _normal(yaw: float, roll: float) -> NDArray[np.float64]:
    """Turn the left-right axis by angles in degrees: towards y, then towards z."""
    a, b = np.radians((yaw, roll))
    return np.array([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)])
