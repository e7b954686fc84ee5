"""Other grids over the same place."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from skullfix.images.regrid import index_box, nearest_lps, regrid
from skullfix.images.volume import Geometry, Volume

LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def turned(order: tuple[int, ...], signs: tuple[int, ...], tilt: float = 0.1) -> Geometry:
    c, s = np.cos(tilt), np.sin(tilt)
    rotation = np.asarray([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    matrix = rotation @ (np.eye(3)[:, order] * signs)
    return Geometry((3, 4, 5), (1.0, 2.0, 3.0), (5.0, 6.0, 7.0), tuple(matrix.ravel().tolist()))


def points(volume: Volume) -> dict[tuple[float, ...], int]:
    """World place of every voxel and its value."""
    index = np.stack(np.indices(volume.array.shape), -1).reshape(-1, 3)[:, ::-1]
    affine = volume.geometry.affine()
    world = np.round(index @ affine[:3, :3].T + affine[:3, 3], 6)
    values = volume.array.reshape(-1).tolist()
    return dict(zip(map(tuple, world.tolist()), values, strict=True))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((-1, 1), repeat=3)))
def test_all_orientations_come_to_lps(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    grid = turned(order, signs)
    volume = Volume(np.arange(60).reshape(grid.shape), grid)
    result = nearest_lps(volume)
    cosines = np.asarray(result.geometry.direction).reshape(3, 3)
    assert (np.diag(cosines) > 0.9).all()
    assert points(result) == points(volume)


def test_another_spacing_keeps_the_field_of_view() -> None:
    grid = turned((1, 0, 2), (1, -1, 1))
    other = regrid(grid, (0.5, 1.0, 1.5))
    assert other.size == (6, 8, 10)
    for place in ((-0.5,) * 3, (2.5, 3.5, 4.5)):
        scaled = [(p + 0.5) * 2 - 0.5 for p in place]
        world = [g.affine() @ [*p, 1.0] for g, p in ((grid, place), (other, scaled))]
        np.testing.assert_allclose(*world, atol=1e-9)


def test_boxes_of_one_grid_in_another() -> None:
    grid = Geometry((10, 10, 10), (1.0,) * 3, (0.0,) * 3, LPS)
    part = Geometry((2, 3, 4), (1.0,) * 3, (4.0, 5.0, 6.0), LPS)
    low, high = index_box(grid, part) or ((0, 0, 0), (0, 0, 0))
    assert all(a <= b for a, b in zip(low, (6, 5, 4), strict=True))
    assert all(a >= b for a, b in zip(high, (10, 8, 6), strict=True))
    away = Geometry((2, 2, 2), (1.0,) * 3, (40.0, 0.0, 0.0), LPS)
    assert index_box(grid, away) is None
