"""A bone threshold from the histogram of a head CT."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SOFT_HU = (-20, 140)
"""Where the peak of soft tissue is looked for."""

SIGMAS = 4.0
"""How many standard deviations of soft tissue bone must lie above its peak."""

AUTO_HU = (120.0, 350.0)
"""Lowest and highest threshold that is chosen."""

DEFAULT_HU = 150.0


def chosen_threshold(
    array: NDArray[Any], threshold: float | Literal["auto"]
) -> tuple[float, tuple[str, ...]]:
    """Give the threshold asked for, or the one of the histogram with a warning that says so."""
    if threshold != "auto":
        return threshold, ()
    found = auto_threshold(array)
    return found, (f"The bone threshold was set to {found:g} HU by the histogram.",)


def auto_threshold(array: NDArray[Any]) -> float:
    """Choose the threshold as low as noise allows, so that thin bone is kept.

    The peak of soft tissue and its width towards bone (noise and all) are taken from the
    histogram; the threshold lies SIGMAS widths above the peak.

    Args:
        array: (z, y, x), Hounsfield units.

    Returns:
        Whole Hounsfield units within AUTO_HU; DEFAULT_HU where there is no such peak.
    """
    sample = array[::2, ::2, ::2].ravel()
    low, high = SOFT_HU
    counts, _ = np.histogram(sample, bins=np.arange(low, high + 402, 2))
    smooth = np.convolve(counts, np.ones(5) / 5, mode="same")
    peak = int(smooth[: (high - low) // 2].argmax())
    if smooth[peak] * 10 < 0.001 * sample.size:
        return DEFAULT_HU
    below = np.flatnonzero(smooth[peak:] < smooth[peak] / 2)
    if not len(below):
        return DEFAULT_HU
    sigma = 2.0 * float(below[0]) / np.sqrt(2.0 * np.log(2.0))
    chosen = low + 2.0 * peak + 1.0 + SIGMAS * sigma
    return float(np.clip(np.rint(chosen), *AUTO_HU))
