"""Thick slices made thinner by the shape of what they show.

The stairs that thick slices make of a dome are no shape of bone. Between two slices the outline is
moved evenly from the one to the other by its signed distances (Raya and Udupa 1990). Where a thin
shell lies so flat that its outlines in two slices do not overlap, that would tear it: no outline
counts as farther away than the shell is deep, so each slice keeps its own half of the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter

from skullfix.images.volume import Geometry, Volume

_FAR_MM = 1000.0  # the distance to an outline that a slice does not have
_NEAR_MM = 8.0  # the depth of a shell is its largest within this


@dataclass(frozen=True, eq=False)
class _Outline:
    """A slice, (rows, columns): depth within it and distance to it, mm, and its depth nearby."""

    depth: NDArray[np.float32]
    away: NDArray[np.float32]
    nearby: NDArray[np.float32]


def thin_slices(mask: Volume, spacing: float) -> Volume:
    """Cut the slices of a mask into thinner ones where they are thicker than wanted.

    Only the axis with the largest spacing is cut, whichever it is.

    Args:
        mask: bool (z, y, x); crop it to what matters first.
        spacing: Thickness from which slices need not be thinner, mm.

    Returns:
        The same mask where its slices are thin enough; else bool on a grid with a whole number of
        slices for each, over the same space.
    """
    steps = mask.geometry.spacing[::-1]
    axis = int(np.argmax(steps))
    parts = int(np.ceil(steps[axis] / spacing - 1e-6))
    if parts < 2:
        return mask
    plane_mm = [step for number, step in enumerate(steps) if number != axis]
    slices = np.moveaxis(mask.array, axis, 0)
    outlines = [_outline(part, plane_mm) for part in slices]
    thin = np.empty((len(slices) * parts, *slices.shape[1:]), bool)
    for index in range(len(thin)):
        place = (index + 0.5) / parts - 0.5
        lower = int(np.floor(place))
        below, above = outlines[max(lower, 0)], outlines[min(lower + 1, len(slices) - 1)]
        thin[index] = _between(below, above, np.float32(place - lower))
    return Volume(np.moveaxis(thin, 0, axis), _finer(mask.geometry, 2 - axis, parts))


def _outline(inside: NDArray[np.bool_], spacing: list[float]) -> _Outline:
    """Measure a slice."""
    depth, away = _distance(inside, spacing), _distance(~inside, spacing)
    window = [2 * int(_NEAR_MM / 2 / step) + 1 for step in spacing]
    return _Outline(depth, away, np.asarray(maximum_filter(depth, size=window)))


def _distance(inside: NDArray[np.bool_], spacing: list[float]) -> NDArray[np.float32]:
    """Distance from each pixel inside to the nearest outside, mm; 0 outside."""
    if inside.all():
        return np.full(inside.shape, _FAR_MM, np.float32)
    return np.asarray(distance_transform_edt(inside, sampling=spacing)).astype(np.float32)


def _between(below: _Outline, above: _Outline, share: np.float32) -> NDArray[np.bool_]:
    """Give the slice at a share (0 to 1) of the way up."""
    from_below = (1 - share) * below.depth - share * np.minimum(above.away, below.nearby)
    from_above = share * above.depth - (1 - share) * np.minimum(below.away, above.nearby)
    filled: NDArray[np.bool_] = np.where(below.depth > 0, from_below > 0, from_above > 0)
    return filled | ((below.depth > 0) & (above.depth > 0))


def _finer(geometry: Geometry, axis: int, parts: int) -> Geometry:
    """Give the grid with ``parts`` voxels for one along an axis (0 is x)."""
    size, spacing = list(geometry.size), list(geometry.spacing)
    first = np.array([0.0, 0.0, 0.0, 1.0])
    first[axis] = 0.5 / parts - 0.5
    x, y, z = (geometry.affine() @ first)[:3].tolist()
    size[axis] *= parts
    spacing[axis] /= parts
    return Geometry(
        (size[0], size[1], size[2]),
        (spacing[0], spacing[1], spacing[2]),
        (x, y, z),
        geometry.direction,
    )
