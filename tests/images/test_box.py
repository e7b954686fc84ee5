"""Boxes and crops."""

from __future__ import annotations

import numpy as np
from image_helpers import make_geometry, oblique

from skullfix.images.box import bounding_box, crop, part_of, slices
from skullfix.images.volume import Volume


def test_bounding_box_of_nothing_is_none() -> None:
    assert bounding_box(np.zeros((3, 4, 5), bool)) is None


def test_bounding_box_is_tight_and_its_margin_is_clipped() -> None:
    mask = np.zeros((6, 7, 8), bool)
    mask[1, 2:4, 7] = True
    assert bounding_box(mask) == ((1, 2, 7), (2, 4, 8))
    assert mask[slices((1, 2, 7), (2, 4, 8))].all()
    assert bounding_box(mask, margin=2) == ((0, 0, 5), (4, 6, 8))


def test_a_crop_stays_where_it_was_in_the_world() -> None:
    geometry = make_geometry((8, 7, 6), direction=oblique(3))
    whole = Volume(np.arange(6 * 7 * 8).reshape(6, 7, 8), geometry)
    part = crop(whole, (2, 3, 1), (5, 6, 4))
    inner = part.geometry.affine() @ [1, 2, 0, 1]
    outer = whole.geometry.affine() @ [2, 5, 2, 1]
    np.testing.assert_allclose(inner, outer)
    assert part.array[0, 2, 1] == whole.array[2, 5, 2]


def test_a_part_may_reach_beyond_its_grid() -> None:
    grid = make_geometry((8, 7, 6), direction=oblique(3))
    part = part_of(grid, (-2, 1, 0), (6, 4, 9))
    assert part.shape == (8, 3, 9)
    np.testing.assert_allclose(part.affine() @ [1, 2, 3, 1], grid.affine() @ [1, 3, 1, 1])
