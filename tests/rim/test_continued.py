from __future__ import annotations

import numpy as np
import pytest

from skullfix.rim.continued import continued


def _dome(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points on a sphere of 80 mm under the plane z = 0, and the normals there."""
    points = np.stack([x, y, np.sqrt(80**2 - x**2 - y**2) - 80], -1).reshape(-1, 3)
    return points, (points + np.array([0.0, 0.0, 80.0])) / 80


def _beside(uncertain: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bone on one side of x = 0."""
    points, normals = _dome(*np.meshgrid(np.arange(-9.5, 0, 1.5), np.arange(-9, 9.5, 1.5)))
    return points, normals, np.full(len(points), uncertain)


@pytest.mark.parametrize("raised_by", [0.0, 0.4, -0.7])
def test_a_dome_goes_on(raised_by: float) -> None:
    points, normals = _dome(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    found = continued(points - raised_by * normals, normals, *_beside())
    np.testing.assert_allclose(found.height, raised_by, atol=0.06)
    assert (np.diff(found.variance) > 0).all()


def test_what_lies_less_surely_tells_less() -> None:
    points, normals = _dome(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    sure, unsure = (continued(points, normals, *_beside(by)).variance for by in (0.1, 0.5))
    assert (unsure > 2 * sure).all()


def test_what_is_far_or_of_the_other_surface_says_nothing() -> None:
    points, normals = _dome(np.array([30.0]), np.zeros(1))
    assert np.isnan(continued(points, normals, *_beside()).height).all()
    points, normals = _dome(np.array([1.0]), np.zeros(1))
    assert np.isnan(continued(points, -normals, *_beside()).height).all()
