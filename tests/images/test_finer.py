"""What is known of a coarse mask on a finer grid, against SciPy's interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates, uniform_filter

from skullfix.images.finer import fine_features


def test_two_slices_are_enough() -> None:
    features = fine_features(torch.ones(2, 2, 2), (2.0,) * 3, (4, 4, 4))
    assert features.shape == (3, 4, 4, 4)
    assert float(features[2].max()) < 8 / 27 + 1e-6


@pytest.mark.parametrize("factor", [(2.0, 2.0, 2.0), (4.0, 3.0, 2.0), (2.5, 1.7, 3.1)])
def test_features_are_interpolations(factor: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    coarse = (rng.random((5, 6, 7)) < 0.4).astype(np.float32)
    size = tuple(int(n * f) for n, f in zip(coarse.shape, factor, strict=True))
    features = fine_features(torch.from_numpy(coarse), factor, size).numpy()
    axes = [(np.arange(n) + 0.5) / f - 0.5 for n, f in zip(size, factor, strict=True)]
    places = np.stack(np.meshgrid(*axes, indexing="ij"))
    padded = np.pad(coarse, 2)  # zero beyond the grid, as documented
    mean = np.pad(uniform_filter(np.pad(coarse, 1), 3, mode="constant")[1:-1, 1:-1, 1:-1], 2)
    np.testing.assert_allclose(features[0], map_coordinates(padded, places + 2, order=1), atol=1e-5)
    np.testing.assert_allclose(features[2], map_coordinates(mean, places + 2, order=1), atol=1e-5)
    near = np.floor(places + 0.5).astype(int) + 2
    np.testing.assert_array_equal(features[1], padded[tuple(near)])
