"""Thick slices of a ball: no stairs, the same place, whichever axis is the thick one."""

from __future__ import annotations

import numpy as np
import pytest
from image_helpers import make_geometry, oblique
from scipy.ndimage import label

from skullfix.images.thick import thin_slices
from skullfix.images.volume import Volume


def ball(spacing: tuple[float, float, float], radius: float = 31.3) -> Volume:
    """A shell 7 mm thick about the world position of the grid's middle."""
    size = tuple(int(80 / step) + 1 for step in spacing)
    geometry = make_geometry(size, spacing, direction=oblique(3))  # type: ignore[arg-type]
    return Volume(shell(geometry.shape, geometry.affine(), middle(geometry), radius), geometry)


def middle(geometry) -> np.ndarray:  # type: ignore[no-untyped-def]
    return (geometry.affine() @ [*(np.array(geometry.size) - 1) / 2, 1])[:3]


def shell(shape, affine, centre, radius):  # type: ignore[no-untyped-def]
    index = np.indices(shape).reshape(3, -1)[::-1].T
    distance = np.linalg.norm(index @ affine[:3, :3].T + affine[:3, 3] - centre, axis=1)
    return ((distance < radius) & (distance > radius - 7)).reshape(shape)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_ball_of_thick_slices_becomes_round(axis: int) -> None:
    spacing = [1.0, 1.0, 1.0]
    spacing[axis] = 5.0
    thick = ball((spacing[0], spacing[1], spacing[2]))
    thin = thin_slices(thick, 1.8)
    assert thin.geometry.spacing[axis] == pytest.approx(5.0 / 3)
    assert thin.array.dtype == np.bool_
    np.testing.assert_allclose(middle(thin.geometry), middle(thick.geometry))
    truth = shell(thin.geometry.shape, thin.geometry.affine(), middle(thick.geometry), 31.3)
    stairs = np.repeat(thick.array, 3, axis=2 - axis)
    assert np.count_nonzero(thin.array ^ truth) < 0.7 * np.count_nonzero(stairs ^ truth)
    assert label(thin.array, np.ones((3, 3, 3)))[1] == 1
    assert label(~thin.array)[1] == 2  # the outside and the inside: no tear


def test_slices_that_are_thin_enough_are_left_alone() -> None:
    mask = ball((1.0, 1.0, 1.8))
    assert thin_slices(mask, 1.8) is mask


def test_empty_and_full_slices() -> None:
    array = np.zeros((5, 26, 25), bool)
    array[1, 1:-1, 1:-1] = array[4] = True
    array[2, 5:20, 4:19] = True
    thin = thin_slices(Volume(array, make_geometry((25, 26, 5), (1.0, 1.0, 4.0))), 2.0).array
    np.testing.assert_array_equal(thin.any((1, 2)), [0, 0, 1, 1, 1, 1, 0, 0, 1, 1])
    assert thin[8:].all()
    sizes = thin.sum((1, 2))
    assert sizes[3] > sizes[4] > sizes[5]
