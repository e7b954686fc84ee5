"""A mask from a file, as bool, where its meaning is sure."""

from __future__ import annotations

import numpy as np

from skullfix.errors import InputError
from skullfix.images.volume import Volume

FOREGROUNDS = (1, 2, 255)
"""Values that stand for 'inside' beside zero without doubt."""

_BINARY = "Give a mask of one structure with the values 0 and 1."


def as_mask(volume: Volume) -> tuple[Volume, tuple[str, ...]]:
    """Make a bool mask of a volume with the values 0 and 1, 2 or 255.

    Args:
        volume: (z, y, x), any real dtype.

    Returns:
        The bool mask and warnings (a foreground other than 1).

    Raises:
        InputError: Empty, full, several labels, fractions, negative or not finite values.
    """
    array = volume.array
    inside = array if array.dtype == np.bool_ else array != 0
    count = int(np.count_nonzero(inside))
    if not count:
        raise InputError(
            "The mask is empty: all of its voxels are zero.",
            hint="Check that the segmentation was saved, and the right file given.",
        )
    if count == array.size:
        raise InputError("The mask is full: none of its voxels is zero.", hint=_BINARY)
    warnings: tuple[str, ...] = ()
    if array.dtype != np.bool_:
        values = array[inside]
        low, high = float(values.min()), float(values.max())
        if not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise InputError(f"The mask has {bad:,} voxels that are not numbers.", hint=_BINARY)
        if low != high:
            labels = np.unique(values)
            shown = ", ".join(f"{value:g}" for value in labels[:6].tolist())
            more = " …" if len(labels) > 6 else ""
            raise InputError(
                f"The mask has {len(labels)} values beside zero ({shown}{more}); one was expected.",
                hint=_BINARY,
            )
        if low not in FOREGROUNDS:
            raise InputError(
                f"The mask has the value {low:g} beside zero; one of {FOREGROUNDS} was expected.",
                hint=_BINARY,
            )
        if low != 1.0:
            warnings = (f"The mask has the values 0 and {low:g}; {low:g} is taken for inside.",)
        inside = array == 1 if low == 1.0 else inside
    return Volume(inside, volume.geometry), warnings
