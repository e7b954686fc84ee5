"""Is a volume a CT or a mask? Told by its values."""

from __future__ import annotations

from typing import Literal

import numpy as np

from skullfix.images.volume import Volume

MAX_MASK_VALUES = 16
"""A volume with no more different values than this, all whole and none negative, is a mask."""

_CHUNK = 2**22


def detect_kind(volume: Volume) -> Literal["ct", "mask"]:
    """Tell a CT from a mask.

    Few different values, all of them whole and not negative, make a mask (perhaps one that
    ``as_mask`` refuses, as with several labels); everything else is a CT.

    Args:
        volume: Any real dtype.
    """
    array = volume.array
    if array.dtype == np.bool_:
        return "mask"
    values: set[float] = set()
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        if part.dtype == np.uint8:
            found = np.flatnonzero(np.bincount(part, minlength=256))
        else:
            low, high = part.min(), part.max()
            if not (np.isfinite(low) and np.isfinite(high)) or low < 0:
                return "ct"
            found = np.array([low]) if low == high else np.unique(part[:: max(part.size // 512, 1)])
            if len(found) <= MAX_MASK_VALUES:
                found = np.unique(part)
        values.update(found.tolist())
        if len(values) > MAX_MASK_VALUES or any(not float(v).is_integer() for v in found.tolist()):
            return "ct"
    return "mask"
