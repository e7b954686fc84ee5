from __future__ import annotations

import numpy as np

from skullfix.images.nearest import grid_tree


def test_distances_are_those_of_a_plain_search() -> None:
    rng = np.random.default_rng(3)
    step = np.array([0.45, 0.45, 0.63])
    points = np.argwhere(rng.random((12, 9, 7)) < 0.3) * step
    asked = rng.uniform(-1.0, 6.0, (200, 3))
    plain = np.linalg.norm(asked[:, None] - points, axis=-1).min(1)
    np.testing.assert_allclose(grid_tree(points).query(asked)[0], plain, rtol=1e-12)
