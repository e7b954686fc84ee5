"""Connected pieces of a mask (26 neighbours)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.images.box import bounding_box, slices
from skullfix.images.volume import Volume

_NEIGHBOURS = np.ones((3, 3, 3))


def count_pieces(mask: NDArray[np.bool_]) -> int:
    """Count the connected pieces of a mask, (z, y, x)."""
    box = bounding_box(mask)
    return 0 if box is None else int(ndimage.label(mask[slices(*box)], _NEIGHBOURS)[1])


def keep_largest(mask: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Keep at most `count` connected pieces of a mask, (z, y, x), the largest."""
    box = bounding_box(mask)
    if box is None:
        return mask
    numbered, found = ndimage.label(mask[slices(*box)], _NEIGHBOURS)
    if found <= count:
        return mask
    sizes = np.bincount(numbered.ravel())[1:]
    kept = np.argsort(-sizes, kind="stable")[:count] + 1
    inside = np.zeros_like(mask)
    inside[slices(*box)] = np.isin(numbered, kept)
    return inside


def volumes_ml(mask: Volume) -> tuple[float, ...]:
    """Measure each connected piece of a mask, largest first."""
    box = bounding_box(mask.array)
    if box is None:
        return ()
    sizes = np.bincount(ndimage.label(mask.array[slices(*box)], _NEIGHBOURS)[0].ravel())[1:]
    return tuple((np.sort(sizes)[::-1] * mask.geometry.voxel_volume_ml).tolist())


def without_specks(mask: Volume, least_ml: float) -> Volume:
    """Keep the connected pieces of a mask that have a volume, and the largest in any case."""
    box = bounding_box(mask.array)
    if box is None:
        return mask
    numbered, _ = ndimage.label(mask.array[slices(*box)], _NEIGHBOURS)
    sizes = np.bincount(numbered.ravel())
    sizes[0] = 0
    kept = sizes * mask.geometry.voxel_volume_ml >= least_ml
    kept[sizes.argmax()] = True
    result = np.zeros_like(mask.array)
    result[slices(*box)] = kept[numbered]
    return Volume(result, mask.geometry)
