"""Connected pieces of a mask (26 neighbours)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.images.box import bounding_box, slices
from skullfix.images.volume import Volume

_NEIGHBOURS = np.ones((3, 3, 3))


def count_pieces(mask: NDArray[np.bool_]) -> int:
    """Count the connected pieces of a mask, (z, y, x)."""
    pieces = _Pieces.of(mask)
    return 0 if pieces is None else len(pieces.sizes)


def keep_largest(mask: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Keep at most `count` connected pieces of a mask, (z, y, x), the largest."""
    pieces = _Pieces.of(mask)
    if pieces is None:
        return mask
    kept = np.zeros(len(pieces.sizes), bool)
    kept[np.argsort(-pieces.sizes, kind="stable")[:count]] = True
    return pieces.only(kept, mask)


def volumes_ml(mask: Volume) -> tuple[float, ...]:
    """Measure each connected piece of a mask, largest first."""
    pieces = _Pieces.of(mask.array)
    if pieces is None:
        return ()
    return tuple((np.sort(pieces.sizes)[::-1] * mask.geometry.voxel_volume_ml).tolist())


def without_specks(mask: Volume, least_ml: float) -> Volume:
    """Keep the connected pieces of a mask that have a volume, and the largest in any case."""
    pieces = _Pieces.of(mask.array)
    if pieces is None:
        return mask
    kept = pieces.sizes * mask.geometry.voxel_volume_ml >= least_ml
    kept[pieces.sizes.argmax()] = True
    return Volume(pieces.only(kept, mask.array), mask.geometry)


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The connected pieces of a mask.

    Attributes:
        where: The part of the mask that holds them.
        numbered: (z, y, x) there, from 1 on; 0 for none.
        sizes: (N,) voxels of each.
    """

    where: tuple[slice, ...]
    numbered: NDArray[np.integer]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> _Pieces | None:
        """Find the pieces of a mask, (z, y, x), and number them; None of an empty one."""
        box = bounding_box(mask)
        if box is None:
            return None
        where = slices(*box)
        numbered, _ = ndimage.label(mask[where], _NEIGHBOURS)
        return cls(where, numbered, np.bincount(numbered.ravel())[1:])

    def only(self, kept: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Give the mask with some (N,) of its pieces; itself with all."""
        if kept.all():
            return mask
        result = np.zeros_like(mask)
        result[self.where] = np.append(False, kept)[self.numbered]
        return result
