"""Between the scan's grid and the network's: occupancy fractions, sampled in world space.

The network works on an axis-aligned LPS grid of fixed spacing. A mask goes there in two steps:
blocks of whole voxels are averaged until the spacing is near 0.9 mm, then the averages are
sampled trilinearly at the network's voxel centres. The same two steps serve training, where the
sampling points are deformed, so both see the same blur. Nothing depends on the order or
direction of the array's axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skullfix.images.box import crop
from skullfix.images.separable import along_axes
from skullfix.images.volume import Geometry, Volume

BLOCK_SPACING_MM = 0.9
LPS_AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_CHUNK_POINTS = 2_000_000
_PARALLEL = 1e-4  # voxels by which lines of two grids may part, all along
_SLAB_VOXELS = 4_000_000


def block_factors(
    spacing: tuple[float, float, float], wanted: float = BLOCK_SPACING_MM
) -> tuple[int, int, int]:
    """Voxels (x, y, z) of that spacing (mm; x, y, z) in a block whose sides come near `wanted`."""
    x, y, z = (max(1, round(wanted / s)) for s in spacing)
    return x, y, z


def block_average(mask: Volume, spacing: float = BLOCK_SPACING_MM) -> Volume:
    """Average whole blocks of voxels so that the grid's spacing comes near `spacing`.

    Args:
        mask: bool or uint8 {0, 1}, (z, y, x); crop it to what matters first.
        spacing: Wanted spacing in mm; no axis is refined.

    Returns:
        uint8 occupancy, 255 for a block full of ones, on the coarser grid.
    """
    factors = block_factors(mask.geometry.spacing, spacing)
    grid = block_grid(mask.geometry, factors)
    mean = np.empty(grid.shape, np.uint8)
    ones = mask.array.view(np.uint8) if mask.array.dtype == np.bool_ else mask.array
    for where, total in block_sums(ones, factors, np.uint16):
        mean[where] = np.rint(total * (255.0 / np.prod(factors)))
    return Volume(mean, grid)


def block_means(scan: Volume) -> Volume:
    """Average whole blocks of voxels so that the grid's spacing comes near BLOCK_SPACING_MM.

    Args:
        scan: Any real dtype, (z, y, x); voxels behind its last whole block are left out.

    Returns:
        int16, rounded, on the coarser grid.
    """
    factors = block_factors(scan.geometry.spacing)
    x, y, z = (n - n % f for n, f in zip(scan.geometry.size, factors, strict=True))
    whole = crop(scan, (0, 0, 0), (z, y, x))
    grid = block_grid(whole.geometry, factors)
    means = np.empty(grid.shape, np.int16)
    for where, total in block_sums(whole.array, factors, np.float32):
        means[where] = np.clip(np.rint(total / np.float32(np.prod(factors))), -32768, 32767)
    return Volume(means, grid)


def block_sums(
    array: NDArray[Any], factors: tuple[int, int, int], dtype: type[np.generic]
) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Add up whole blocks of voxels, a few layers of blocks at a time.

    Args:
        array: (z, y, x), any real dtype; blocks at its end that are not full count zeros.
        factors: Voxels (x, y, z) in a block.
        dtype: In which to add.

    Yields:
        Where along z the layers of blocks lie, and their sums, (z, y, x).
    """
    steps = factors[::-1]
    deep = steps[0] * max(1, _SLAB_VOXELS // max(1, steps[0] * array[0].size))
    for start in range(0, len(array), deep):
        part = array[start : start + deep]
        padding = [(0, -n % f) for n, f in zip(part.shape, steps, strict=True)]
        total = np.pad(part, padding).astype(dtype)
        for axis, factor in enumerate(steps):
            shape = (*total.shape[:axis], -1, factor, *total.shape[axis + 1 :])
            blocks = np.moveaxis(total.reshape(shape), axis + 1, 0)
            total = sum(blocks[1:], blocks[0])
        first = start // steps[0]
        yield slice(first, first + len(total)), total


def block_grid(grid: Geometry, factors: tuple[int, int, int]) -> Geometry:
    """Make the grid of blocks of `factors` (x, y, z) voxels; the last ones may be less full."""
    corner = np.append((np.asarray(factors, np.float64) - 1) / 2, 1.0)
    x, y, z = (grid.affine() @ corner)[:3].tolist()
    size = [-(-n // f) for n, f in zip(grid.size, factors, strict=True)]
    spacing = [float(s * f) for s, f in zip(grid.spacing, factors, strict=True)]
    return Geometry(
        (size[0], size[1], size[2]),
        (spacing[0], spacing[1], spacing[2]),
        (x, y, z),
        grid.direction,
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
    """Sample one array, or several of one grid, at fractional indices, 0 outside.

    Args:
        array: (z, y, x) or (C, z, y, x) float32.
        index: (..., 3) float32, index (x, y, z), voxel centres at whole numbers.

    Returns:
        (...) or (C, ...) float32.
    """
    *several, depth, height, width = array.shape
    size = index.new_tensor((width, height, depth))
    unit = (2 * index).add_(1).div_(size).sub_(1)  # -1, 1: outer faces of first and last voxel
    flat = unit.reshape(1, 1, 1, -1, 3)
    values = torch.nn.functional.grid_sample(
        array.reshape(1, -1, depth, height, width),
        flat,
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    return values.reshape(*several, *index.shape[:-1])


def spread(points: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Interpolate values at control points trilinearly over a grid, corners on corners.

    Args:
        points: (C, d, h, w), any real dtype.
        size: (z, y, x) of the grid.

    Returns:
        (C, z, y, x), the same dtype.
    """
    return torch.nn.functional.interpolate(
        points[None], size=tuple(size), mode="trilinear", align_corners=True
    )[0]


def splat(
    index: torch.Tensor, weights: torch.Tensor, size: Sequence[int] | None = None
) -> torch.Tensor:
    """Spread weights over an array, each over the eight cells around its place: `trilinear`'s twin.

    Args:
        index: (N, 3) float32 places (z, y, x), none negative.
        weights: (N,) float32.
        size: Of the array; as small as it can be if it is not given.

    Returns:
        (z, y, x) float32.
    """
    corner = index.long()
    part = index - corner
    depth, height, width = (corner.amax(0) + 2).tolist() if size is None else size
    strides = (height * width, width, 1)
    out = torch.zeros(depth * height * width)
    z, y, x = corner.unbind(1)
    first = z * strides[0] + y * strides[1] + x
    near = torch.stack([1 - part, part]).unbind(-1)  # z, y, x: (2, N) lower and upper share
    for dz, dy, dx in np.ndindex(2, 2, 2):
        share = weights * near[0][dz] * near[1][dy] * near[2][dx]
        out.index_add_(0, first + (dz * strides[0] + dy * strides[1] + dx), share)
    return out.reshape(depth, height, width)


def sample_onto(volume: Volume, grid: Geometry) -> Volume:
    """Resample onto a grid by trilinear interpolation in world space, 0 outside.

    Args:
        volume: Any real dtype.
        grid: The grid wanted.

    Returns:
        float32 on `grid`.
    """
    return sample_all_onto([volume], grid)[0]


def sample_all_onto(volumes: Sequence[Volume], grid: Geometry) -> list[Volume]:
    """Resample volumes of one grid as `sample_onto` does each, but find the places only once."""
    geometry = volumes[0].geometry
    step = np.linalg.inv(geometry.affine()) @ grid.affine()  # index -> index
    out = np.empty((len(volumes), *grid.shape), np.float32)
    arrays = [np.ascontiguousarray(volume.array, dtype=np.float32) for volume in volumes]
    source = torch.from_numpy(np.stack(arrays) if len(arrays) > 1 else arrays[0][None])
    lengths = np.diag(step)[:3]
    if np.all(np.abs(step[:3, :3] - np.diag(lengths)) @ np.asarray(grid.size) < _PARALLEL):
        places = [step[i, 3] + lengths[i] * np.arange(grid.size[i]) for i in (2, 1, 0)]
        for array, filled in zip(source, out, strict=True):
            along_axes(array, places, filled)
        return [Volume(array, grid) for array in out]
    matrix = torch.from_numpy(step[:3, :3].astype(np.float32))
    offset = torch.from_numpy(step[:3, 3].astype(np.float32))
    depth, height, width = grid.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    plane = torch.stack([x, y, torch.zeros_like(x)], -1).float() @ matrix.T + offset
    slab = max(1, _CHUNK_POINTS // max(1, height * width))
    for z in range(0, depth, slab):
        rise = torch.arange(z, min(depth, z + slab)).float()[:, None, None, None] * matrix[:, 2]
        out[:, z : z + slab] = trilinear(source, plane + rise).numpy()
    return [Volume(array, grid) for array in out]
