"""Coarse masks out of fine ones: what a fast scan or a fast segmentation would have given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from skullfix.images.regrid import regrid
from skullfix.images.volume import Geometry, Volume

FULL = 0.5  # a coarse voxel belongs to the mask when at least this much of it does


def occupancy(mask: Volume, grid: Geometry) -> NDArray[np.float32]:
    """Fraction of each voxel of a coarser grid that a mask fills.

    Args:
        mask: bool or uint8 {0, 1}, (z, y, x).
        grid: Over the same field of view, of `regrid`.

    Returns:
        float32 (z, y, x), 0 to 1; exact areas, whatever the ratio of the spacings.
    """
    fine = mask.geometry
    values = mask.array.astype(np.float32)
    for axis in range(3):
        count, step = fine.size[2 - axis], fine.spacing[2 - axis]
        coarse = np.arange(grid.size[2 - axis] + 1) * grid.spacing[2 - axis]
        weights = overlaps(np.arange(count + 1) * step, coarse)
        values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
    return np.clip(values, 0, 1)


def coarsen(mask: Volume, spacing: float) -> Volume:
    """Downsample a mask: a coarse voxel is set where at least half of it was.

    Args:
        mask: bool or uint8 {0, 1}, (z, y, x).
        spacing: Wanted spacing in mm, the same along all axes.

    Returns:
        bool mask over the same field of view.
    """
    grid = regrid(mask.geometry, (spacing, spacing, spacing))
    return Volume(occupancy(mask, grid) >= FULL, grid)


def coarsen_ragged(mask: Volume, spacing: float, seed: int) -> Volume:
    """Downsample a mask as a fast segmentation does: smeared, with a ragged border.

    The occupancies are blurred by 0.3 to 0.7 coarse voxels, disturbed by smooth noise, and cut
    at one half.

    Args:
        mask: bool or uint8 {0, 1}, (z, y, x).
        spacing: Wanted spacing in mm.
        seed: Of the blur and the noise.
    """
    grid = regrid(mask.geometry, (spacing, spacing, spacing))
    rng = np.random.default_rng(seed)
    return Volume(ragged(occupancy(mask, grid), rng) >= FULL, grid)


def ragged(filled: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur occupancies and disturb them with smooth noise near the shape, float32 (z, y, x)."""
    smeared = gaussian_filter(filled, rng.uniform(0.3, 0.7))
    noise = gaussian_filter(rng.normal(size=filled.shape), 1.0)
    noise *= rng.uniform(0.05, 0.15) / max(float(noise.std()), 1e-9)
    return (smeared + noise * (smeared > 0.1)).astype(np.float32)


def overlaps(fine: NDArray[Any], coarse: NDArray[Any]) -> NDArray[np.float32]:
    """Share of each coarse cell that each fine cell covers along one axis.

    Args:
        fine: (N + 1,) where the fine cells begin and the last one ends, rising.
        coarse: (M + 1,) the same of the coarse cells, in the same unit.

    Returns:
        (M, N) float32.
    """
    low = np.maximum(coarse[:-1, None], fine[None, :-1])
    high = np.minimum(coarse[1:, None], fine[None, 1:])
    return np.asarray(np.clip(high - low, 0, None) / np.diff(coarse)[:, None], np.float32)
