"""Checked geometry from what a header says: sizes, spacings, right-angled axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.header_text import check_size
from skullfix.images.limits import (
    EXACT_DIRECTION_DEGREES,
    MAX_DIRECTION_DEGREES,
    MAX_EXTENT_MM,
    MAX_ORIGIN_MM,
    MAX_SPACING_MM,
    MIN_SIDE,
    MIN_SPACING_MM,
)
from skullfix.images.volume import Geometry, direction_of


def checked_geometry(
    name: str,
    size: Sequence[int],
    spacing: Sequence[float],
    origin: Sequence[float],
    direction: Sequence[float],
) -> tuple[Geometry, tuple[str, ...]]:
    """Make a Geometry of header values, or say why they cannot be used.

    Axes that are nearly right-angled (up to MAX_DIRECTION_DEGREES) are replaced by the nearest
    orthonormal ones (polar decomposition), with the deviation in a warning; exact ones are kept
    bit for bit.

    Args:
        name: File name for the messages.
        size: Voxels along x, y, z.
        spacing: Millimetres along x, y, z.
        origin: LPS mm of the first voxel.
        direction: Nine numbers, row-major; columns are the axes.

    Returns:
        The geometry and the warnings.

    Raises:
        InputError: Not 3-D, or sizes, spacings, origin or directions that no scan has.
    """
    if len(size) != 3 or min(size) < MIN_SIDE:
        raise InputError(
            f"{name} is not a volume: its size is {' x '.join(map(str, size))} voxels; "
            "three sides of two or more were expected.",
            hint="Give one 3-D volume, not a single picture or a series in time.",
        )
    check_size(name, size)
    _check_spacing(name, size, spacing)
    if not np.isfinite(origin).all() or np.abs(origin).max() > MAX_ORIGIN_MM:
        raise InputError(
            f"{name} lies at {_numbers(origin)} mm, which no scanner can reach.",
            hint="The header is damaged; export the scan again.",
        )
    matrix, warnings = orthonormal(name, np.asarray(direction, dtype=np.float64).reshape(3, 3))
    geometry = Geometry(
        size=(int(size[0]), int(size[1]), int(size[2])),
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=direction_of(matrix),
    )
    return geometry, warnings


def orthonormal(
    name: str, direction: NDArray[np.float64]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Nearest orthonormal axes within a tolerance.

    Args:
        name: File name for the messages.
        direction: (3, 3) float64, columns are the axes, each of length about one.

    Returns:
        The axes (unchanged when exact to EXACT_DIRECTION_DEGREES) and the warnings.

    Raises:
        InputError: Not finite, degenerate, or off by more than MAX_DIRECTION_DEGREES.
    """
    damaged = "The header is damaged or the scan was sheared; resample it to a regular grid."
    if not np.isfinite(direction).all():
        raise InputError(f"{name} has directions that are not numbers.", hint=damaged)
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(direction, axis=0)
    if not np.abs(lengths - 1.0).max() <= 1e-3:
        raise InputError(
            f"{name} has directions of length {_numbers(lengths)}; one was expected.", hint=damaged
        )
    left, _, right = np.linalg.svd(direction)
    nearest = left @ right
    crossed = np.linalg.norm(np.cross(nearest, direction / lengths, axis=0), axis=0)
    turned = np.einsum("ij,ij->j", nearest, direction / lengths)
    degrees = float(np.degrees(np.arctan2(crossed, turned)).max())
    if degrees > MAX_DIRECTION_DEGREES:
        raise InputError(
            f"{name} has axes that are not at right angles: {degrees:.2f} degrees off, "
            f"{MAX_DIRECTION_DEGREES} are tolerated.",
            hint=damaged,
        )
    if degrees <= EXACT_DIRECTION_DEGREES:
        return direction, ()
    return nearest, (
        f"The axes of {name} are not exactly at right angles ({degrees:.4f} degrees off); "
        "the nearest orthonormal axes are used.",
    )


def _check_spacing(name: str, size: Sequence[int], spacing: Sequence[float]) -> None:
    values = np.asarray(spacing, dtype=np.float64)
    shown = f"{name} has voxels of {_numbers(spacing)} mm"
    if not np.isfinite(values).all() or values.min() <= 0.0:
        raise InputError(
            f"{shown}; three positive numbers were expected.",
            hint="The header is damaged; export the scan again, or correct its spacing.",
        )
    if values.min() < MIN_SPACING_MM:
        raise InputError(
            f"{shown}; a scan of a head has {MIN_SPACING_MM} to {MAX_SPACING_MM} mm.",
            hint="Is the spacing written in metres or centimetres? Correct it to millimetres.",
        )
    lengths = np.minimum(values, 1e9) * size
    if values.max() > MAX_SPACING_MM or lengths.max() > MAX_EXTENT_MM:
        raise InputError(
            f"{shown} and is {_numbers(lengths)} mm long; spacings up to "
            f"{MAX_SPACING_MM} mm and lengths up to {MAX_EXTENT_MM:.0f} mm are read.",
            hint="Is the spacing written in micrometres? Correct it to millimetres.",
        )


def _numbers(values: Sequence[float] | NDArray[np.float64]) -> str:
    return " x ".join(f"{float(value):g}" for value in values)
