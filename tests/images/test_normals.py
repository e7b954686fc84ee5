from __future__ import annotations

import numpy as np

from skullfix.images.normals import outward_normals, unit
from skullfix.images.volume import Geometry

TURN = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])


def test_a_field_falls_along_its_slope_in_the_world() -> None:
    grid = Geometry((9, 8, 7), (0.5, 0.8, 1.2), (4.0, -3.0, 2.0), tuple(TURN.ravel().tolist()))
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    slope = np.array([0.3, -0.5, 0.8])
    field = -(grid.positions(index) @ slope).astype(np.float32)
    rows = index.reshape(-1, 3)
    expected = unit(slope[None]).repeat(len(rows), 0)
    np.testing.assert_allclose(outward_normals(field, grid, rows), expected, atol=1e-4)


def test_indices_undo_positions() -> None:
    grid = Geometry((9, 8, 7), (0.5, 0.8, 1.2), (4.0, -3.0, 2.0), tuple(TURN.ravel().tolist()))
    index = np.random.default_rng(2).uniform(-3, 9, (4, 5, 3))
    np.testing.assert_allclose(grid.indices(grid.positions(index)), index, atol=1e-9)
