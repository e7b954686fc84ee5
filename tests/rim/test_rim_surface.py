from __future__ import annotations

import numpy as np

from skullfix.images.resample import LPS_AXES
from skullfix.images.volume import Geometry
from skullfix.rim.surface import Surface, outermost, thinned

CENTRE = np.array([3.1, -2.3, 1.7])


def _ball(radius: float) -> tuple[np.ndarray, Geometry]:
    grid = Geometry((60, 72, 48), (0.5, 0.4, 0.7), (-12.0, -16.0, -15.0), LPS_AXES)
    points = grid.positions(np.moveaxis(np.indices(grid.shape), 0, -1))
    return np.linalg.norm(points - CENTRE, axis=-1) < radius, grid


def test_the_surface_of_a_ball_is_found_below_the_voxel() -> None:
    ball, grid = _ball(10.0)
    rows = np.argwhere(outermost(ball))
    surface, points = Surface.of(ball, grid), grid.positions(rows)
    normals = surface.normals(rows)
    outward = (points - CENTRE) / np.linalg.norm(points - CENTRE, axis=1, keepdims=True)
    alike = (normals * outward).sum(1)
    assert alike.mean() > 0.97
    assert alike.min() > 0.8  # a pole of long voxels is a flat step
    places, near = surface.nearest(points, normals)
    assert near.all()
    off = np.linalg.norm(places - CENTRE, axis=1) - 10
    assert abs(off.mean()) < 0.03
    assert np.abs(off).mean() < 0.1
    inside = surface.holds(np.stack([CENTRE, CENTRE + 11]))
    assert inside.tolist() == [True, False]


def test_a_surface_is_as_uncertain_as_its_voxels_are_long() -> None:
    ball, grid = _ball(10.0)
    found = Surface.of(ball, grid).uncertainty(np.eye(3))
    np.testing.assert_allclose(found, np.array([0.5, 0.4, 0.7]) / np.sqrt(12))


def test_where_no_surface_is_near_none_is_found() -> None:
    ball, grid = _ball(10.0)
    places, near = Surface.of(ball, grid).nearest(CENTRE[None], np.array([[0.0, 0.0, 1.0]]))
    assert places.shape == (0, 3)
    assert not near.any()


def test_one_point_a_cube_stays_whatever_their_order() -> None:
    points = np.random.default_rng(0).uniform(-9, 9, (2000, 3))
    chosen = points[thinned(points, 2.0)]
    assert len(np.unique(np.floor(chosen / 2), axis=0)) == len(chosen)
    assert len(chosen) == len(np.unique(np.floor(points / 2), axis=0))
    np.testing.assert_array_equal(points[::-1][thinned(points[::-1], 2.0)], chosen)
    assert thinned(points[:0], 2.0).shape == (0,)
