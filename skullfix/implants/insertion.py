"""The direction in which an implant goes in, and what would catch on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.errors import UsageError
from skullfix.implants.site import Site
from skullfix.implants.thickness import outer_face

_SEARCH_CELL_MM = 1.5
_CONE_DEGREES = (0, 8, 16, 25, 35, 45)


@dataclass(frozen=True)
class Insertion:
    """A way out of the skull.

    Attributes:
        direction: Unit vector (x, y, z) in LPS along which the implant is pulled out; it goes in
            the opposite way.
        undercut: bool (z, y, x) on the site: voxels of the implant that would hit bone.
    """

    direction: tuple[float, float, float]
    undercut: NDArray[np.bool_]


def check_direction(direction: tuple[float, float, float]) -> None:
    """Refuse a direction without a length, or with a number that is not finite.

    Raises:
        UsageError: It is one.
    """
    length = math.hypot(*direction)
    if not math.isfinite(length) or length < 1e-6:
        raise UsageError(
            f"The insertion direction {direction} has no length.", hint="Give x,y,z, LPS."
        )


def find_insertion(site: Site, mask: NDArray[np.bool_], *, clearance_mm: float = 0.0) -> Insertion:
    """Search the direction with the least undercut, near the mean normal of the outer face.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site, the implant with its clearance.
        clearance_mm: The gap that was left; see `along`.

    Returns:
        The best direction of a cone of 45 degrees; of equals, the one nearest the mean normal.
    """
    face = outer_face(site, mask)
    if not face.any():
        face = mask
    mean = site.normals(np.argwhere(face)).mean(axis=0)
    if np.linalg.norm(mean) < 1e-3:
        mean = site.outward(np.argwhere(mask)).mean(axis=0)
    mean /= np.linalg.norm(mean)
    # every few points of the surfaces: a coarse cell still holds several of them
    cell = max(_SEARCH_CELL_MM, 2.0 * site.voxel)
    stride = max(1, int((cell / site.voxel) ** 2 / 2))
    bone = site.bone_skin[::stride]
    implant = site.world(mask & ~ndimage.binary_erosion(mask))[::stride]

    def cost(direction: NDArray[np.float64]) -> float:
        share = float(_shadowed(bone, implant, direction, cell, lenient=True).mean())
        tilt = math.degrees(math.acos(float(np.clip(direction @ mean, -1, 1))))
        return share + 1e-4 * tilt  # 10 degrees are worth a thousandth of the surface

    best = min(_cone(mean, _CONE_DEGREES, 10), key=cost)
    best = min([best, *_cone(best, (2, 4), 8)], key=cost)
    chosen = (float(best[0]), float(best[1]), float(best[2]))
    return along(site, mask, chosen, clearance_mm=clearance_mm)


def given_insertion(
    site: Site,
    mask: NDArray[np.bool_],
    direction: tuple[float, float, float],
    *,
    clearance_mm: float = 0.0,
) -> Insertion:
    """Find the undercuts for a direction that a person chose.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site.
        direction: (x, y, z) in LPS, of any length, along which the implant is pulled out.
        clearance_mm: The gap that was left; see `along`.

    Raises:
        UsageError: The direction has no length, or points into the head.
    """
    check_direction(direction)
    vector = np.asarray(direction, np.float64)
    vector /= np.linalg.norm(vector)
    if float(vector @ site.outward(np.argwhere(mask)).mean(axis=0)) < 0.2:
        raise UsageError(
            f"Along {direction} the implant cannot be pulled out of the head.",
            hint="Give the direction out of the head as x,y,z in LPS, or auto.",
        )
    unit = (float(vector[0]), float(vector[1]), float(vector[2]))
    return along(site, mask, unit, clearance_mm=clearance_mm)


def along(
    site: Site,
    mask: NDArray[np.bool_],
    direction: tuple[float, float, float],
    *,
    clearance_mm: float = 0.0,
) -> Insertion:
    """Find the undercuts for a direction.

    A voxel is undercut when bone lies over it along the direction. Without a gap of half a voxel
    the steps of a wall along the direction would count too, so bone must then lie over the
    neighbours of the voxel as well.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site.
        direction: Unit vector (x, y, z) in LPS along which the implant is pulled out.
        clearance_mm: The gap that was left between mask and bone.

    Returns:
        The direction and the voxels that catch.
    """
    vector = np.asarray(direction, np.float64)
    cell = float(max(site.geometry.spacing))
    lenient = clearance_mm < 0.5 * cell
    caught = _shadowed(site.bone_skin, site.world(mask), vector, cell, lenient=lenient)
    undercut = np.zeros(mask.shape, bool)
    undercut[mask] = caught
    return Insertion(direction, undercut)


def _shadowed(
    bone: NDArray[np.float64],
    points: NDArray[np.float64],
    direction: NDArray[np.float64],
    cell: float,
    *,
    lenient: bool,
) -> NDArray[np.bool_]:
    """Whether bone lies over each point; heights of the bone on a plane across the direction."""
    u, v = across(direction)
    middle = bone.mean(axis=0)  # the same cells for any implant in this bone
    flat_bone = np.stack([(bone - middle) @ u, (bone - middle) @ v], axis=1) / cell
    flat = np.stack([(points - middle) @ u, (points - middle) @ v], axis=1) / cell
    low = np.floor(flat.min(axis=0)).astype(int) - 2
    shape = np.ceil(flat.max(axis=0)).astype(int) - low + 3
    at = np.rint(flat_bone).astype(int) - low
    near = ((at >= 0) & (at < shape)).all(axis=1)
    heights = np.full(shape, -np.inf)
    rise = (bone[near] - middle) @ direction
    np.maximum.at(heights, (at[near, 0], at[near, 1]), rise)
    if lenient:  # bone must lie over the neighbouring cells too
        heights = ndimage.grey_erosion(heights, size=(3, 3))
    cells = np.rint(flat).astype(int) - low
    over = heights[cells[:, 0], cells[:, 1]]
    result: NDArray[np.bool_] = over > (points - middle) @ direction + cell / 2
    return result


def across(direction: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors that complete a direction to an orthonormal frame."""
    helper = np.eye(3)[int(np.argmin(np.abs(direction)))]
    u = np.cross(direction, helper)
    u /= np.linalg.norm(u)
    return u, np.cross(direction, u)


def _cone(
    axis: NDArray[np.float64], degrees: tuple[int, ...], around: int
) -> list[NDArray[np.float64]]:
    """List unit vectors at some angles from an axis."""
    u, v = across(axis)
    found = []
    for tilt in degrees:
        for turn in range(around if tilt else 1):
            angle, lean = 2 * math.pi * turn / around, math.radians(tilt)
            side = u * math.cos(angle) + v * math.sin(angle)
            found.append(axis * math.cos(lean) + side * math.sin(lean))
    return found
