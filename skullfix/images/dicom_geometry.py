"""Where the slices of a DICOM series lie, and the regular grid that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.dicom_slice import Slice
from skullfix.images.orthonormal import orthonormal

SAME_POSITION_MM = 0.01
"""Slices closer than this are the same slice twice."""

EVEN_RELATIVE = 0.01
"""Distances within this share of their median, and 0.02 mm, are one spacing."""

EVEN_MM = 0.02

STRAIGHT_MM = 0.2
"""A stack whose slices shift sideways by more than this over its length is sheared."""

MAX_GAP_MM = 15.0
"""Farthest distance of two slices that is bridged by interpolation."""


@dataclass(frozen=True)
class Stack:
    """Slices in order, and where they lie.

    Attributes:
        slices: In order along the normal.
        axes: (3, 3) float64, columns are the LPS directions of the rows, columns and normal.
        heights: (n,) float64 mm along the normal, from the first slice, ascending.
        shifts: (n, 2) float64 mm sideways (along x, y of the image) from the first slice.
        even: True when the distances of the slices are all the same.
        straight: True when the slices lie right above one another.
    """

    slices: tuple[Slice, ...]
    axes: NDArray[np.float64]
    heights: NDArray[np.float64]
    shifts: NDArray[np.float64]
    even: bool
    straight: bool


def stack_slices(name: str, slices: Sequence[Slice]) -> tuple[Stack, tuple[str, ...]]:
    """Put slices in order and drop duplicates.

    Args:
        name: Folder name for the messages.
        slices: Slices of one series, size and orientation, with position and spacing.

    Returns:
        The stack and warnings that name duplicates, missing slices, uneven distances and tilt.

    Raises:
        InputError: Fewer than two positions, different pixel spacings, or too wide a gap.
    """
    first = slices[0]
    assert first.orientation is not None
    if len({item.spacing for item in slices}) > 1:
        raise InputError(
            f"The slices of {name} have different pixel spacings.",
            hint="Export the series again, or choose another one by its UID.",
        )
    row, column = first.orientation[:3], first.orientation[3:]
    axes, turned = orthonormal(name, np.stack([row, column, np.cross(row, column)], axis=1))
    warnings = list(turned)
    places = np.array([item.position for item in slices]) @ axes  # (n, 3): x, y, height
    order = sorted(range(len(slices)), key=lambda i: (places[i, 2], *slices[i].order))
    kept = [order[0]]
    for index in order[1:]:
        if places[index, 2] - places[kept[-1], 2] > SAME_POSITION_MM:
            kept.append(index)
    if len(kept) < len(order):
        dropped = sorted(slices[index].path.name for index in set(order) - set(kept))
        warnings.append(
            f"{len(dropped)} slices of {name} lie where another one lies and were dropped: "
            f"{', '.join(dropped[:5])}{' …' if len(dropped) > 5 else ''}."
        )
    if len(kept) < 2:
        raise InputError(
            f"All {len(slices)} slices of {name} lie at the same position.",
            hint="This is not a volume; choose another series by its UID.",
        )
    places = places[kept] - places[kept[0]]
    heights = places[:, 2]
    even, notes = _evenness(name, heights)
    warnings += notes
    shifts = places[:, :2]
    sideways = float(np.linalg.norm(shifts, axis=1).max())
    straight = sideways <= STRAIGHT_MM
    if not straight:
        tilt = float(np.degrees(np.arctan2(sideways, heights[-1])))
        warnings.append(
            f"The slices of {name} shift sideways by {sideways:.1f} mm over {heights[-1]:.1f} mm "
            f"(gantry tilt of {tilt:.1f} degrees); they were resampled onto a straight grid."
        )
    ordered = tuple(slices[index] for index in kept)
    return Stack(ordered, axes, heights, shifts, even, straight), tuple(warnings)


def _evenness(name: str, heights: NDArray[np.float64]) -> tuple[bool, list[str]]:
    """Are the distances one spacing? With warnings in numbers where they are not."""
    distances = np.diff(heights)
    usual = float(np.median(distances))
    widest = float(distances.max())
    if widest > MAX_GAP_MM:
        place = int(distances.argmax())
        raise InputError(
            f"{name} has a gap of {widest:.1f} mm between slices {place + 1} and {place + 2}; up "
            f"to {MAX_GAP_MM:.0f} mm are bridged.",
            hint="Slices are missing: copy the whole series, or choose another one by its UID.",
        )
    if np.abs(distances - usual).max() <= max(EVEN_RELATIVE * usual, EVEN_MM):
        return True, []
    values, counts = np.unique(np.round(distances, 2), return_counts=True)
    found = ", ".join(
        f"{value:g} mm ({count} times)"
        for value, count in sorted(zip(values, counts, strict=True), key=lambda pair: -pair[1])[:6]
    )
    warnings = [
        f"The slices of {name} are not evenly spaced: {found}. They were resampled onto a regular "
        f"grid of {regular_step(heights):.3g} mm by their positions."
    ]
    multiples = np.round(distances / usual)
    missing = int((multiples - 1).clip(min=0).sum())
    gaps = multiples > 1
    if missing and np.abs(distances - multiples * usual).max() <= max(0.1 * usual, EVEN_MM):
        where = ", ".join(f"{i + 1}/{i + 2}" for i in np.flatnonzero(gaps)[:5])
        warnings.append(
            f"{missing} slices of {name} seem to be missing (between slices {where}); the gaps "
            "were interpolated."
        )
    return False, warnings


def regular_step(heights: NDArray[np.float64]) -> float:
    """Slice distance (mm) of the regular grid: the smallest distance, fitted to the ends.

    No more than four times as many slices are made as there were.

    Args:
        heights: (n,) float64 mm, ascending from 0.
    """
    length = float(heights[-1])
    smallest = max(float(np.diff(heights).min()), length / (4.0 * len(heights)))
    return length / max(round(length / smallest), 1)
