"""The head in a CT: soft tissue and what it holds, without table, headrest and air."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label

COARSE_MM = 2.0
"""Voxel size at which the head is found."""

SKIN_HU = -300.0
"""Between air or foam and skin or fat."""

OPENING_MM = 3.0
"""Radius of the opening that parts the head from shells and straps that touch it."""

AROUND_MM = 4.0
"""How far beyond the opened head bone may lie (the ridge of the nose)."""

CLOSING_MM = 15.0
"""Radius of the closing that takes the air of the nose and of the sinuses into the head."""


def coarse_steps(spacing: tuple[float, float, float]) -> tuple[int, int, int]:
    """Whole steps (z, y, x) that bring voxels to about COARSE_MM.

    Args:
        spacing: mm along (z, y, x).
    """
    steps = [max(int(COARSE_MM / size + 1e-6), 1) for size in spacing]
    return (steps[0], steps[1], steps[2])


def find_head(
    array: NDArray[Any], spacing: tuple[float, float, float], steps: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Find the head on a coarse grid.

    Args:
        array: (z, y, x), Hounsfield units.
        spacing: mm along (z, y, x).
        steps: Every how many voxels are looked at, (z, y, x).

    Returns:
        bool, the shape of ``array[::sz, ::sy, ::sx]``; the largest body denser than foam,
        opened, closed, widened by AROUND_MM, its cavities filled. All False where nothing is left.
    """
    coarse = array[:: steps[0], :: steps[1], :: steps[2]] > SKIN_HU
    sampling = [step * size for step, size in zip(steps, spacing, strict=True)]
    # The scan ends where it ends: its edge is no surface, so it is repeated before the opening.
    rim = [int(np.ceil((OPENING_MM + CLOSING_MM) / size)) + 1 for size in sampling]
    body = np.pad(coarse, [(width, width) for width in rim], mode="edge")
    core = distance_transform_edt(body, sampling=sampling) > OPENING_MM
    parts, count = label(core)
    if not count:
        return np.zeros_like(coarse)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest = parts == int(sizes.argmax())
    wide = distance_transform_edt(~largest, sampling=sampling) <= OPENING_MM + CLOSING_MM
    head = distance_transform_edt(wide, sampling=sampling) > CLOSING_MM - AROUND_MM
    inner = tuple(slice(width, -width) for width in rim)
    filled: NDArray[np.bool_] = binary_fill_holes(head[inner])
    return filled


def refine(
    coarse: NDArray[np.bool_], steps: tuple[int, int, int], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Repeat a coarse mask onto the full grid, (z, y, x) bool of ``shape``."""
    for axis in range(3):
        coarse = np.repeat(coarse, steps[axis], axis=axis)
    return np.ascontiguousarray(coarse[: shape[0], : shape[1], : shape[2]])
