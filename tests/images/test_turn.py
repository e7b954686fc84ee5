"""Turns in the world."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from skullfix.images.turn import rotation_about, turned
from skullfix.images.volume import Geometry


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_rotation_is_the_right_hands(axis: int) -> None:
    expected = Rotation.from_euler("xyz"[axis], 0.3).as_matrix()
    np.testing.assert_allclose(rotation_about(axis, 0.3), expected, atol=1e-12)


def test_a_turned_grid_has_its_voxels_where_the_turn_takes_them() -> None:
    axes = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    grid = Geometry((3, 4, 5), (0.5, 0.7, 2.0), (-3.0, 11.0, 40.0), axes)
    turn = rotation_about(2, 0.2) @ rotation_about(0, -0.1)
    index = np.array([2.0, 1.0, 4.0, 1.0])
    expected = turn @ (grid.affine() @ index)[:3]
    np.testing.assert_allclose((turned(grid, turn).affine() @ index)[:3], expected, atol=1e-12)
    assert turned(grid, turn).size == grid.size
