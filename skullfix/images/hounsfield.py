"""Hounsfield units made safe: finite, and with water near zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.volume import Volume

AIR_HU = -1024.0
SOFT_TISSUE_HU = 40.0
"""Where the peak of soft tissue lies in a head CT."""

OFFSETS = (1000.0, 1024.0)
"""What stored values are greater than Hounsfield units by, when the offset was left out."""

MAX_NOT_FINITE = 0.5
"""Share of voxels that may be NaN or infinite (masked-out surroundings)."""


def hounsfield(ct: Volume) -> tuple[Volume, tuple[str, ...]]:
    """Replace what is not finite by air, and shift a CT that was stored without its offset.

    Args:
        ct: (z, y, x), any real dtype.

    Returns:
        The CT in Hounsfield units (the same array when nothing had to change) and warnings.

    Raises:
        InputError: Too many voxels are not finite, or the values are no CT's.
    """
    array = ct.array
    warnings: list[str] = []
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        bad = int(array.size - np.count_nonzero(finite))
        if bad > MAX_NOT_FINITE * array.size:
            raise InputError(
                f"{bad:,} of {array.size:,} voxels of the CT are not numbers.",
                hint="The scan is damaged; export it again.",
            )
        if bad:
            array = np.where(finite, array, np.asarray(AIR_HU, array.dtype))
            warnings.append(f"{bad:,} voxels of the CT are not finite and are taken for air.")
    offset = _missing_offset(array)
    if offset:
        wide = np.float32 if array.dtype.kind == "f" else np.int32
        array = array.astype(wide) - wide(offset)
        warnings.append(
            f"The CT is stored without its offset (air near 0, water near {offset:.0f}); "
            f"{offset:.0f} was subtracted."
        )
    return Volume(array, ct.geometry), tuple(warnings)


def _missing_offset(array: NDArray[Any]) -> float:
    """0 for a CT in Hounsfield units, else what must be subtracted.

    Raises:
        InputError: Nothing below zero and no soft tissue where it would be without the offset.
    """
    if array.min() < 0:
        return 0.0
    sample = array[::2, ::2, ::2].ravel()
    edges = np.arange(0.0, 3008.0, 8.0)
    counts, _ = np.histogram(sample, bins=edges)
    near = (edges[:-1] >= 850.0) & (edges[:-1] < 1200.0)  # fat to muscle, with an offset
    air = int(counts[edges[:-1] < 300.0].sum())
    if counts[near].sum() < 0.02 * sample.size or air < 0.02 * sample.size:
        raise InputError(
            f"The values of this scan ({array.min():g} to {array.max():g}) are not Hounsfield "
            "units: there is no air near -1000, nor near 0 with soft tissue near 1040.",
            hint="Give a CT in Hounsfield units, or a mask of the skull; MR is not supported.",
        )
    peak = float(edges[:-1][near][counts[near].argmax()]) + 4.0
    return min(OFFSETS, key=lambda offset: abs(peak - offset - SOFT_TISSUE_HU))
