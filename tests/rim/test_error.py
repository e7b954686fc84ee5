from __future__ import annotations

import numpy as np

from skullfix.rim.error import FARTHEST_MM, Places, expected_error

UP, DOWN = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, -1.0])


def _line(depths: list[float], normal: np.ndarray = UP, height: float = 0.0) -> Places:
    """Places in a row inwards from the rim."""
    depth = np.array(depths)
    points = np.stack([depth, 0 * depth, 0 * depth + height], 1)
    return Places.of(points, np.tile(normal, (len(depth), 1)), depth)


def test_what_is_seen_at_the_rim_counts_less_far_away() -> None:
    rim = _line([1.0, 2.0, 3.0])
    found = expected_error(rim, np.full(3, 0.3), np.full(3, 0.01), _line([2.0, 20.0, 40.0, 80.0]))
    assert 0.2 < found[0] < 0.4
    assert (np.diff(found[1:]) < 0).all()
    assert abs(found[-1]) < 0.02


def test_the_other_surface_moves_the_same_way() -> None:
    rim = _line([1.0, 2.0, 3.0])
    found = expected_error(rim, np.full(3, 0.3), np.full(3, 0.01), _line([2.0], DOWN, -5.0))
    assert -0.2 < found[0] < -0.03  # outwards is downwards there


def test_doubtful_and_odd_values_count_little() -> None:
    rim, there = _line([1.0, 2.0, 3.0]), _line([2.0])
    sure = expected_error(rim, np.full(3, 0.3), np.full(3, 0.01), there)
    doubtful = expected_error(rim, np.full(3, 0.3), np.full(3, 1.0), there)
    assert 0 < doubtful[0] < sure[0]
    odd = expected_error(rim, np.full(3, 9.0), np.full(3, 0.01), there)
    assert 0 < odd[0] < 0.2 * FARTHEST_MM


def test_the_covariance_is_that_of_some_process() -> None:
    rng = np.random.default_rng(1)
    normals = rng.normal(size=(200, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    places = Places.of(rng.uniform(-40, 40, (200, 3)), normals, rng.uniform(0, 30, 200))
    covariance = places.covariance(places)
    np.testing.assert_allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    np.testing.assert_allclose(np.diag(covariance), places.usual**2)
