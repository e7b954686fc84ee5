"""The place of an implant: the part of the grid around it, with the distances to the bone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.errors import InputError
from skullfix.images.box import bounding_box, crop
from skullfix.images.normals import outward_normals, unit
from skullfix.images.volume import Geometry, Volume
from skullfix.implants.distance import signed_distance

MARGIN_MM = 5.0
_BLUR_MM = 1.2


@dataclass(frozen=True)
class Site:
    """An implant and the bone around it.

    Attributes:
        implant: bool (z, y, x), the implant as it was cleaned; it touches the bone.
        bone: bool (z, y, x), the same grid.
        to_bone: float32 (z, y, x) mm from the voxel's centre to the surface of the bone (half a
            voxel nearer than its outermost voxel centres); negative in the bone.
        density: float32 (z, y, x), implant and bone taken together and blurred.
        middle: (3,) float64, LPS mm, inside the head.
        geometry: The grid of the arrays.
        low: First index (z, y, x) of the site in the whole volume.
    """

    implant: NDArray[np.bool_]
    bone: NDArray[np.bool_]
    to_bone: NDArray[np.float32]
    density: NDArray[np.float32]
    middle: NDArray[np.float64]
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
        return self.geometry.positions(np.argwhere(mask))

    def outward(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N, 3) float64 unit vectors (x, y, z; LPS) away from the head's middle at voxels.

        Args:
            index: (N, 3) int, z, y, x.
        """
        return unit(self.geometry.positions(index) - self.middle)

    def normals(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N, 3) float64 unit vectors (x, y, z; LPS) out of implant and bone taken together.

        Args:
            index: (N, 3) int, z, y, x, of voxels near the surface.
        """
        return outward_normals(self.density, self.geometry, index)

    @cached_property
    def bone_skin(self) -> NDArray[np.float64]:
        """(N, 3) float64 LPS mm positions of the outermost voxels of the bone."""
        return self.world(self.bone & ~ndimage.binary_erosion(self.bone))

    def box(self) -> tuple[slice, ...]:
        """Tell where the site lies in the array that it was cut from."""
        return tuple(slice(a, a + n) for a, n in zip(self.low, self.bone.shape, strict=True))


def make_site(
    implant: Volume,
    bone: Volume,
    middle: NDArray[np.float64] | None = None,
    *,
    margin_mm: float = MARGIN_MM,
) -> Site:
    """Cut out the surroundings of an implant.

    Args:
        implant: bool or uint8 {0, 1} (z, y, x).
        bone: The defective skull on the same grid; overlap with the implant is the bone's.
        middle: (3,) LPS mm inside the head, where the masks are already a part of the scan; by
            default the centre of the bone.
        margin_mm: What is wanted around the implant, where the grid has it.

    Raises:
        InputError: The grids differ, or a mask is empty.
    """
    if implant.geometry != bone.geometry:
        raise InputError("The implant and the bone are not on one grid.")
    box = bounding_box(implant.array)
    if box is None:
        raise InputError("There is no implant to fit.", hint="Check that the mask is not empty.")
    if not bone.array.any():
        raise InputError(
            "There is no bone near the implant.",
            hint="Is the bone the skull that this piece belongs to, and not the piece itself?",
        )
    margin = [round(margin_mm / s) + 1 for s in implant.geometry.spacing[::-1]]
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
    return Site(
        implant=filled,
        bone=solid,
        to_bone=signed_distance(solid, near.geometry) - np.float32(voxel / 2),
        density=ndimage.gaussian_filter(
            (filled | solid).astype(np.float32),
            [_BLUR_MM / s for s in near.geometry.spacing[::-1]],
            truncate=3.0,
        ),
        middle=bone_centre(bone) if middle is None else middle,
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
