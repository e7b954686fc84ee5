"""The voxels that the benchmark's engines run on, one small file for each resolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError

FINEST_MM = 0.45  # resolution 512: the paper names its grids by their matrix size


def spacing_of(resolution: int) -> float:
    """Voxel spacing in mm of a grid named after its matrix size: 512 is 0.45, 64 is 3.6."""
    return FINEST_MM * 512 / resolution


def write_voxels(resolution: int, mask: Path | None, path: Path) -> int:
    """Write a skull's voxels at one resolution.

    Args:
        resolution: 64, 128, 256, 512.
        mask: Of a complete skull; None makes a phantom.
        path: Where to write (N, 3) int16 indices (z, y, x), sorted, as NPY.

    Returns:
        N.

    Raises:
        InputError: The mask cannot be used.
    """
    occupied = _phantom(resolution) if mask is None else _resampled(resolution, mask)
    rows = np.argwhere(occupied).astype(np.int16)
    np.save(path, rows)
    return len(rows)


def _phantom(resolution: int) -> NDArray[np.bool_]:
    """Generate a skull, bool (z, y, x)."""
    from skullfix.images.phantom import head_phantom

    spacing = spacing_of(resolution)
    return head_phantom(spacing=(spacing,) * 3, defect=False).bone.array


def _resampled(resolution: int, path: Path) -> NDArray[np.bool_]:
    """Read a skull, bool (z, y, x): where bone fills half a voxel or more."""
    from skullfix.images.box import bounding_box, crop
    from skullfix.images.mask import as_mask
    from skullfix.images.read import read_scan
    from skullfix.images.resample import block_average, sample_onto, world_bounds, world_grid

    mask, _ = as_mask(read_scan(path).volume)
    box = bounding_box(mask.array)
    if box is None:
        raise InputError(f"{path} is empty", hint="give the mask of a skull")
    spacing = spacing_of(resolution)
    coarse = block_average(crop(mask, *box), spacing)
    grid = world_grid(*world_bounds(coarse.geometry), spacing)
    return np.asarray(sample_onto(coarse, grid).array > 127)
