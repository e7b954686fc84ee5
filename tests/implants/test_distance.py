from __future__ import annotations

import numpy as np
from scipy import ndimage

from skullfix.images.volume import Geometry
from skullfix.implants.distance import depth_in, distance_to

EYE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def test_both_agree_with_scipy() -> None:
    mask = ndimage.gaussian_filter(np.random.default_rng(0).random((20, 24, 28)), 2.0) > 0.5
    geometry = Geometry((28, 24, 20), (0.4, 0.5, 1.1), (3.0, -9.0, 2.0), EYE)
    sampling = (1.1, 0.5, 0.4)
    outside = ndimage.distance_transform_edt(~mask, sampling=sampling)
    assert np.allclose(distance_to(mask, geometry), outside, atol=1e-4)
    inside = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    assert np.allclose(depth_in(mask, geometry), inside, atol=1e-4)
    assert np.array_equal(distance_to(mask.astype(np.uint8), geometry), distance_to(mask, geometry))


def test_an_empty_mask_is_infinitely_far() -> None:
    geometry = Geometry((3, 4, 5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), EYE)
    assert np.isinf(distance_to(np.zeros((5, 4, 3), bool), geometry)).all()
    assert not depth_in(np.zeros((5, 4, 3), bool), geometry).any()
    assert depth_in(np.ones((5, 4, 3), bool), geometry).max() == 2.0
