"""The place of an implant: the part of the grid around it, with the distances to the bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.errors import InputError
from skullfix.images.box import bounding_box, crop
from skullfix.images.volume import Geometry, Volume
from skullfix.implants.distance import distance_to

MARGIN_MM = 8.0


@dataclass(frozen=True)
class Site:
    """An implant and the bone around it.

    Attributes:
        implant: bool (z, y, x), the implant as it was cleaned; it touches the bone.
        bone: bool (z, y, x), the same grid.
        to_bone: float32 (z, y, x) mm from the voxel's centre to the surface of the bone (half a
            voxel nearer than its outermost voxel centres); negative in the bone.
        outward: float32 (3, z, y, x), unit vectors (x, y, z) in LPS away from the head's middle.
        normal: float32 (3, z, y, x), LPS, out of implant and bone taken together; of unit length
            near their surface and of no meaning elsewhere.
        geometry: The grid of the arrays.
        low: First index (z, y, x) of the site in the whole volume.
    """

    implant: NDArray[np.bool_]
    bone: NDArray[np.bool_]
    to_bone: NDArray[np.float32]
    outward: NDArray[np.float32]
    normal: NDArray[np.float32]
    geometry: Geometry
    low: tuple[int, int, int]

    @property
    def voxel(self) -> float:
        """Side (mm) of a cube with the volume of a voxel."""
        return float(np.prod(self.geometry.spacing)) ** (1 / 3)

    def sigma(self, mm: float) -> tuple[float, float, float]:
        """Convert a length to voxels along (z, y, x)."""
        x, y, z = self.geometry.spacing
        return (mm / z, mm / y, mm / x)

    def world(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(N, 3) float64 LPS mm positions of the voxels of a mask, in array order."""
        index = np.argwhere(mask)[:, ::-1]
        affine = self.geometry.affine()
        return index @ affine[:3, :3].T + affine[:3, 3]

    def index(self, world: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 3) float64 fractional index (z, y, x) of LPS positions."""
        inverse = np.linalg.inv(self.geometry.affine())
        return (world @ inverse[:3, :3].T + inverse[:3, 3])[:, ::-1]

    def box(self) -> tuple[slice, ...]:
        """Tell where the site lies in the array that it was cut from."""
        return tuple(slice(a, a + n) for a, n in zip(self.low, self.bone.shape, strict=True))


def make_site(implant: Volume, bone: Volume, middle: NDArray[np.float64] | None = None) -> Site:
    """Cut out the surroundings of an implant.

    Args:
        implant: bool or uint8 {0, 1} (z, y, x).
        bone: The defective skull on the same grid; overlap with the implant is the bone's.
        middle: (3,) LPS mm inside the head, where the masks are already a part of the scan; by
            default the centre of the bone.

    Returns:
        The site, with a margin of 8 mm where the grid has it.

    Raises:
        InputError: The grids differ, or a mask is empty.
    """
    if implant.geometry != bone.geometry:
        raise InputError("The implant and the bone are not on one grid.")
    box = bounding_box(implant.array)
    if box is None or not bone.array.any():
        raise InputError(
            "There is no implant, or no bone, to fit.",
            hint="Check that both masks have voxels above 0.",
        )
    margin = [round(MARGIN_MM / s) + 1 for s in implant.geometry.spacing[::-1]]
    low = tuple(max(0, a - m) for a, m in zip(box[0], margin, strict=True))
    shape = implant.array.shape
    high = tuple(min(n, b + m) for b, m, n in zip(box[1], margin, shape, strict=True))
    near = crop(bone, (low[0], low[1], low[2]), (high[0], high[1], high[2]))
    solid = near.array.astype(bool)
    piece = crop(implant, (low[0], low[1], low[2]), (high[0], high[1], high[2]))
    filled = piece.array.astype(bool) & ~solid
    if not filled.any():
        raise InputError("All of the implant lies in the bone.")
    voxel = float(np.prod(near.geometry.spacing)) ** (1 / 3)
    to_bone = np.where(solid, np.float32(-voxel / 2), distance_to(solid, near.geometry) - voxel / 2)
    return Site(
        implant=filled,
        bone=solid,
        to_bone=to_bone.astype(np.float32),
        outward=_outward(near.geometry, bone_centre(bone) if middle is None else middle),
        normal=_normal(filled | solid, near.geometry),
        geometry=near.geometry,
        low=(low[0], low[1], low[2]),
    )


def bone_centre(bone: Volume) -> NDArray[np.float64]:
    """Centre of mass of a mask, from every fourth voxel along each axis.

    Args:
        bone: bool or uint8 {0, 1} (z, y, x).

    Returns:
        (3,) float64 LPS mm.
    """
    step = 4 if min(bone.array.shape) >= 64 else 1
    index = np.argwhere(bone.array[::step, ::step, ::step])[:, ::-1].mean(axis=0) * step
    centre: NDArray[np.float64] = (bone.geometry.affine() @ np.append(index, 1.0))[:3]
    return centre


def _outward(geometry: Geometry, middle: NDArray[np.float64]) -> NDArray[np.float32]:
    z, y, x = np.ogrid[tuple(slice(0, n) for n in geometry.shape)]
    affine = geometry.affine().astype(np.float32)
    away = np.stack(
        [
            affine[i, 0] * x + affine[i, 1] * y + affine[i, 2] * z + np.float32(o)
            for i, o in enumerate(affine[:3, 3] - middle)
        ]
    ).astype(np.float32)
    return away / np.maximum(np.linalg.norm(away, axis=0), np.float32(1e-3))


def _normal(solid: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.float32]:
    spacing = geometry.spacing[::-1]
    blurred = ndimage.gaussian_filter(
        solid.astype(np.float32), [1.2 / s for s in spacing], truncate=3.0
    )
    slope = np.stack([-g for g in np.gradient(blurred, *spacing)][::-1]).astype(np.float32)
    direction = np.asarray(geometry.direction, np.float32).reshape(3, 3)
    turned = np.einsum("ij,jzyx->izyx", direction, slope, optimize=True)
    unit: NDArray[np.float32] = turned / np.maximum(np.linalg.norm(turned, axis=0), 1e-6)
    return unit.astype(np.float32)
