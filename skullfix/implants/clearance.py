"""A gap between implant and bone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import UsageError
from skullfix.implants.site import Site

MAXIMUM_MM = 5.0
_EVEN = 1e-3  # a voxel at the very distance goes


def check_clearance(clearance_mm: float) -> None:
    """Refuse a clearance that is not within 0 to 5 mm.

    Raises:
        UsageError: It is not.
    """
    if not 0 <= clearance_mm <= MAXIMUM_MM:
        raise UsageError(
            f"A clearance of {clearance_mm:g} mm was asked for; it must lie between 0 and"
            f" {MAXIMUM_MM:g} mm.",
            hint="0.3 to 1.0 mm is usual.",
        )


def is_consumed(site: Site, clearance_mm: float) -> bool:
    """Whether a clearance would take away more than half of an implant."""
    kept = int(np.count_nonzero(site.implant & (site.to_bone > clearance_mm + _EVEN)))
    return clearance_mm > 0 and 2 * kept < int(np.count_nonzero(site.implant))


def with_clearance(site: Site, mask: NDArray[np.bool_], clearance_mm: float) -> NDArray[np.bool_]:
    """Take away what is nearer to the bone than the clearance.

    Surfaces lie half a voxel outside the outermost voxel centres, on both sides; on average over
    a rim the gap is the clearance, and nowhere is it off by more than a voxel.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site.
        clearance_mm: The gap, 0 to 5 mm; 0 leaves the mask as it is.

    Returns:
        bool (z, y, x).

    Raises:
        UsageError: The clearance is out of range, or more than half of the implant would go.
    """
    check_clearance(clearance_mm)
    free = mask & ~site.bone
    if clearance_mm == 0:
        return free
    kept: NDArray[np.bool_] = free & (site.to_bone > clearance_mm + _EVEN)
    if 2 * np.count_nonzero(kept) < np.count_nonzero(free):
        raise UsageError(
            f"A clearance of {clearance_mm} mm would take away more than half of the implant.",
            hint="Ask for a smaller clearance.",
        )
    return kept
