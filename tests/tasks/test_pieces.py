"""Connected pieces: counted, measured, and told from specks."""

from __future__ import annotations

import numpy as np
import pytest

from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.pieces import count_pieces, keep_largest, volumes_ml, without_specks

GRID = Geometry((40, 30, 20), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def boxes(*sides: int) -> Volume:
    """Cubes in a row, of 1 mm voxels, one voxel apart."""
    mask, at = np.zeros(GRID.shape, bool), 1
    for side in sides:
        mask[2 : 2 + side, 3 : 3 + side, at : at + side] = True
        at += side + 1
    return Volume(mask, GRID)


def test_pieces_are_counted_and_measured() -> None:
    mask = boxes(5, 10, 2)
    assert count_pieces(mask.array) == 3
    assert volumes_ml(mask) == pytest.approx((1.0, 0.125, 0.008))
    assert volumes_ml(boxes()) == ()


def test_specks_go_and_every_real_piece_stays() -> None:
    kept = without_specks(boxes(10, 9, 2, 8), 0.5)
    np.testing.assert_array_equal(kept.array, boxes(10, 9, 2, 8).array & ~only(boxes(10, 9, 2, 8)))
    assert volumes_ml(kept) == pytest.approx((1.0, 0.729, 0.512))
    assert kept.geometry == GRID


def only(mask: Volume) -> np.ndarray:
    """The piece of two voxels a side, the third of the row."""
    speck = np.zeros_like(mask.array)
    speck[2:4, 3:5, 22:24] = True
    assert mask.array[speck].all()
    return speck


def test_the_largest_stays_however_small() -> None:
    assert volumes_ml(without_specks(boxes(3, 2), 0.5)) == pytest.approx((0.027,))


def test_nothing_stays_nothing() -> None:
    assert not without_specks(boxes(), 0.5).array.any()


def test_the_largest_are_kept_by_number() -> None:
    assert volumes_ml(Volume(keep_largest(boxes(5, 8, 2).array, 2), GRID)) == pytest.approx(
        (0.512, 0.125)
    )
    assert keep_largest(boxes(5).array, 2).sum() == 125
    assert not keep_largest(boxes().array, 2).any()
