"""Between the scan's grid and the network's: occupancy fractions, sampled in world space.

The network works on an axis-aligned LPS grid of fixed spacing. A mask goes there in two steps:
blocks of whole voxels are averaged until the spacing is near 0.9 mm, then the averages are
sampled trilinearly at the network's voxel centres. The same two steps serve training, where the
sampling points are deformed, so both see the same blur. Nothing depends on the order or
direction of the array's axes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from skullfix.images.volume import Geometry, Volume

BLOCK_SPACING_MM = 0.9
LPS_AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_CHUNK_POINTS = 2_000_000


def block_average(mask: Volume, spacing: float = BLOCK_SPACING_MM) -> Volume:
    """Average whole blocks of voxels so that the grid's spacing comes near `spacing`.

    Args:
        mask: bool or uint8 {0, 1}, (z, y, x); crop it to what matters first.
        spacing: Wanted spacing in mm; no axis is refined.

    Returns:
        uint8 occupancy, 255 for a block full of ones, on the coarser grid.
    """
    factors = [max(1, round(spacing / s)) for s in mask.geometry.spacing[::-1]]  # (z, y, x)
    padding = [(0, -n % f) for n, f in zip(mask.array.shape, factors, strict=True)]
    total = np.pad(mask.array.astype(np.uint8, copy=False), padding).astype(np.uint16)
    for axis, factor in enumerate(factors):
        shape = (*total.shape[:axis], -1, factor, *total.shape[axis + 1 :])
        blocks = total.reshape(shape)
        total = sum(np.moveaxis(blocks, axis + 1, 0)[1:], np.moveaxis(blocks, axis + 1, 0)[0])
    mean = np.rint(total * (255.0 / np.prod(factors))).astype(np.uint8)
    affine, steps = mask.geometry.affine(), np.asarray(factors[::-1], np.float64)
    origin = (affine @ np.append((steps - 1) / 2, 1.0))[:3]
    return Volume(
        mean,
        Geometry(
            (mean.shape[2], mean.shape[1], mean.shape[0]),
            tuple(float(s * f) for s, f in zip(mask.geometry.spacing, steps, strict=True)),  # type: ignore[arg-type]
            (float(origin[0]), float(origin[1]), float(origin[2])),
            mask.geometry.direction,
        ),
    )


def world_grid(low: NDArray[np.float64], high: NDArray[np.float64], spacing: float) -> Geometry:
    """Make an axis-aligned LPS grid over the world box from `low` to `high` ((3,) mm, x y z).

    Its voxel centres lie at whole multiples of the spacing.
    """
    first, last = np.floor(low / spacing), np.ceil(high / spacing)
    size = (last - first + 1).astype(int)
    origin = first * spacing
    return Geometry(
        (int(size[0]), int(size[1]), int(size[2])),
        (spacing, spacing, spacing),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        LPS_AXES,
    )


def world_bounds(geometry: Geometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest world box (LPS mm, x y z) that holds all voxel centres of a grid."""
    ends = np.asarray([(0.0, n - 1.0) for n in geometry.size])
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), -1).reshape(-1, 3)
    world = corners @ geometry.affine()[:3, :3].T + np.asarray(geometry.origin)
    return world.min(0), world.max(0)


def trilinear(array: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Sample an array at fractional indices, 0 outside.

    Args:
        array: (z, y, x) float32.
        index: (..., 3) float32, index (x, y, z), voxel centres at whole numbers.

    Returns:
        (...) float32.
    """
    size = torch.tensor(array.shape[::-1], dtype=torch.float32)
    unit = (2 * index + 1) / size - 1  # -1 and 1 are the outer faces of the first and last voxel
    flat = unit.reshape(1, 1, 1, -1, 3)
    values = torch.nn.functional.grid_sample(
        array[None, None], flat, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return values.reshape(index.shape[:-1])


def sample_onto(volume: Volume, grid: Geometry) -> Volume:
    """Resample onto a grid by trilinear interpolation in world space, 0 outside.

    Args:
        volume: Any real dtype.
        grid: The grid wanted.

    Returns:
        float32 on `grid`.
    """
    step = np.linalg.inv(volume.geometry.affine()) @ grid.affine()  # index -> index
    matrix = torch.from_numpy(step[:3, :3].astype(np.float32))
    offset = torch.from_numpy(step[:3, 3].astype(np.float32))
    source = torch.from_numpy(np.ascontiguousarray(volume.array, dtype=np.float32))
    depth, height, width = grid.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    plane = torch.stack([x, y, torch.zeros_like(x)], -1).float() @ matrix.T + offset
    slab = max(1, _CHUNK_POINTS // max(1, height * width))
    out = np.empty(grid.shape, np.float32)
    for z in range(0, depth, slab):
        rise = torch.arange(z, min(depth, z + slab)).float()[:, None, None, None] * matrix[:, 2]
        out[z : z + slab] = trilinear(source, plane + rise).numpy()
    return Volume(out, grid)
