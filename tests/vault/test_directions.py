from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from skullfix.vault.directions import COARSE_LEVEL, LOWEST, mirror_images, sphere, vault_directions


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_sphere_is_even_and_symmetric(level: int) -> None:
    points = sphere(level)
    assert points.shape == (10 * 4**level + 2, 3)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    nearest = np.asarray(cKDTree(points).query(points, 2)[0])[:, 1]
    assert nearest.max() < 1.3 * nearest.min()
    assert np.max(cKDTree(points).query(points * (-1, 1, 1))[0]) < 1e-9


def test_the_vault_has_a_mirror_image_of_each_direction() -> None:
    directions = vault_directions()
    assert directions[:, 2].min() > LOWEST
    np.testing.assert_allclose(directions[mirror_images()], directions * (-1, 1, 1), atol=1e-9)
    assert (mirror_images()[mirror_images()] == np.arange(len(directions))).all()


def test_coarse_directions_are_the_first() -> None:
    coarse = vault_directions(COARSE_LEVEL)
    np.testing.assert_array_equal(vault_directions()[: len(coarse)], coarse)
