"""The metrics of the AutoImplant challenge, defined as its organisers compute them.

All take masks (z, y, x) of one grid and, where lengths matter, the spacing in mm in ARRAY order
(z, y, x), the reverse of ``Geometry.spacing``.
Source: J. Li et al., AutoImplant 2020/2021 (DSC, bDSC, HD95); Kroviakov et al. 2021 (RE).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.evaluation.borders import border, border_points, distances
from skullfix.images.box import bounding_box, slices
from skullfix.images.nearest import grid_tree

_ROUNDING_MM = 1e-9
"""A voxel at exactly the distance is near, however index times spacing rounds."""


def dice(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return 2|A∩B| / (|A|+|B|); 1.0 when both are empty, 0.0 when one is.

    Args:
        a: (z, y, x) bool or {0, 1}.
        b: The same shape.
    """
    a, b = _pair(a, b)
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2.0 * int(np.count_nonzero(a & b)) / total if total else 1.0


def reconstruction_error(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Percentage of voxels of the whole grid on which two masks differ.

    Args:
        a: (z, y, x) bool or {0, 1}.
        b: The same shape.
    """
    a, b = _pair(a, b)
    return 100.0 * int(np.count_nonzero(a ^ b)) / a.size


def boundary_dice(
    a: NDArray[Any],
    b: NDArray[Any],
    defective: NDArray[Any],
    spacing: Sequence[float],
    distance: float = 10.0,
) -> float:
    """Dice of two masks, each restricted to voxels near the defective skull.

    Args:
        a: (z, y, x) bool or {0, 1}, usually the predicted implant.
        b: The same shape, usually the true implant.
        defective: The same shape, the defective skull.
        spacing: mm along (z, y, x).
        distance: Voxels whose Euclidean distance to a voxel of ``defective`` is at most this
            many mm are kept.

    Returns:
        The Dice; 1.0 when nothing is left of both, 0.0 when nothing is left of one.
    """
    a, b = _pair(a, b)
    union, skull = _pair(a | b, defective)
    box = bounding_box(union)
    if box is None:
        return 1.0
    z, y, x = (int(np.ceil(distance / step)) + 1 for step in spacing)
    (z0, y0, x0), (z1, y1, x1) = box
    wide = slices((max(z0 - z, 0), max(y0 - y, 0), max(x0 - x, 0)), (z1 + z, y1 + y, x1 + x))
    union, skull = union[wide], skull[wide]
    near = union & skull
    voxels = np.argwhere(union & ~skull)
    bone = np.argwhere(border(skull))
    if len(voxels) and len(bone):
        step = np.asarray(spacing, dtype=np.float64)
        tree = grid_tree(bone * step)
        found, _ = tree.query(voxels * step, distance_upper_bound=distance * 1.001)
        near[tuple(voxels[found <= distance + _ROUNDING_MM].T)] = True
    return dice(a[wide] & near, b[wide] & near)


def hausdorff95(a: NDArray[Any], b: NDArray[Any], spacing: Sequence[float]) -> float:
    """95th percentile of both directed border distances together, in mm.

    The border is the mask XOR its 6-connected erosion; the distances from the border of A to that
    of B and from B to A are put together before the percentile (linear interpolation) is taken.

    Args:
        a: (z, y, x) bool or {0, 1}.
        b: The same shape.
        spacing: mm along (z, y, x).

    Returns:
        Millimetres; 0.0 when both are empty, infinity when one is.
    """
    a, b = _pair(a, b)
    ours, theirs = border_points(a, spacing), border_points(b, spacing)
    if not len(ours) or not len(theirs):
        return 0.0 if len(ours) == len(theirs) else float("inf")
    both = np.concatenate([distances(ours, theirs), distances(theirs, ours)])
    return float(np.percentile(both, 95))


def _pair(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both as bool, on the same grid."""
    if a.shape != b.shape:
        raise ValueError(f"masks of different shapes: {a.shape} and {b.shape}")
    return a.astype(np.bool_, copy=False), b.astype(np.bool_, copy=False)
