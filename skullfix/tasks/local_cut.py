"""Where the network is sure that bone is missing but not where its surface runs.

There the occupancies are spread over more voxels than the bone would fill, few of them pass the
cut, and the implant has a gap. So the cut is lowered, place by place, until the implant holds what
the network expects.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from skullfix.images.box import bounding_box, slices

IMPLANT_SHARE = 0.2  # of the completed bone in a voxel must be implant for the voxel to count
LOWEST = 0.3  # cut
_REACH_MM = 4.5  # standard deviation of the weights by which a place is summed up
_ENOUGH = 0.9  # of the implant expected at a place must be there
_EXPECTED = 0.1  # mean occupancy from which a place counts: below, bone as a rule has openings
_STEP = 0.025
_REACHES = 4  # standard deviations after which a place has no weight


def local_cut(
    implant: NDArray[np.float32], bone: NDArray[np.float32], cut: float, spacing: float
) -> NDArray[np.float32]:
    """Lower the cut where it takes too much of the implant away.

    Args:
        implant: (z, y, x) occupancy of the implant, 0 to 1.
        bone: The same shape, occupancy of the defective skull.
        cut: Occupancy of bone and implant together that fills a voxel elsewhere.
        spacing: Of the grid, mm.

    Returns:
        (z, y, x) float32, LOWEST to `cut`; smooth, so that it can be interpolated.
    """
    both = implant + bone
    room = (1 - bone) * (implant > IMPLANT_SHARE * both)
    reach = _REACH_MM / spacing
    cuts = np.full(implant.shape, np.float32(cut))
    expected = _mean(implant, reach)
    enough = np.where(expected >= _EXPECTED, _ENOUGH * expected, 0)
    short = _mean(room * (both > cut), reach) < enough
    box = bounding_box(short, int(np.ceil(_REACHES * reach)))
    if box is None:
        return cuts
    part = slices(*box)
    both, room, enough, short = both[part], room[part], enough[part], short[part]
    for lower in np.arange(cut - _STEP, LOWEST - 1e-6, -_STEP):
        cuts[part][short] = lower
        short &= _mean(room * (both > lower), reach) < enough
        if not short.any():
            break
    return gaussian_filter(cuts, 1.0)


def _mean(values: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    """Weighted mean around each voxel; 0 beyond the grid."""
    return np.asarray(gaussian_filter(values, reach, mode="constant", truncate=_REACHES))
