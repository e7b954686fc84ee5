"""Coarse masks: areas, places, raggedness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skullfix.cases.coarsen import coarsen, coarsen_ragged, occupancy
from skullfix.images.regrid import regrid
from skullfix.images.volume import Geometry, Volume

AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
TURNED = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def ball(size: int = 40, spacing: float = 0.5, direction: tuple[float, ...] = AXES) -> Volume:
    z, y, x = np.indices((size,) * 3) - (size - 1) / 2
    geometry = Geometry((size,) * 3, (spacing,) * 3, (3.0, -7.0, 11.0), direction)  # type: ignore[arg-type]
    return Volume(z**2 + y**2 + x**2 < (0.4 * size) ** 2, geometry)


def centre(volume: Volume, weights: np.ndarray) -> np.ndarray:
    index = np.stack(np.nonzero(weights > 0), 1)[:, ::-1]
    mean = np.average(index, axis=0, weights=weights[weights > 0])
    return (volume.geometry.affine() @ np.append(mean, 1.0))[:3]


@settings(max_examples=30)
@given(st.floats(0.6, 4.0), st.sampled_from([AXES, TURNED]))
def test_areas_are_exact(spacing: float, direction: tuple[float, ...]) -> None:
    fine = ball(direction=direction)
    grid = regrid(fine.geometry, (spacing,) * 3)
    filled = occupancy(fine, grid)
    true = fine.array.sum() * fine.geometry.voxel_volume_ml
    assert filled.sum() * grid.voxel_volume_ml == pytest.approx(true, rel=1e-4)
    coarse = Volume(filled, grid)
    np.testing.assert_allclose(
        centre(coarse, filled), centre(fine, fine.array.astype(float)), atol=0.05 * spacing
    )


def test_whole_factors_are_block_means() -> None:
    rng = np.random.default_rng(0)
    geometry = Geometry((8, 12, 4), (1.0,) * 3, (0.0,) * 3, AXES)
    mask = Volume(rng.random((4, 12, 8)) < 0.5, geometry)
    grid = regrid(geometry, (2.0,) * 3)
    assert grid.origin == (0.5, 0.5, 0.5)
    blocks = mask.array.reshape(2, 2, 6, 2, 4, 2).mean((1, 3, 5))
    np.testing.assert_allclose(occupancy(mask, grid), blocks, atol=1e-6)
    np.testing.assert_array_equal(coarsen(mask, 2.0).array, blocks >= 0.5)


def test_the_last_voxel_reaches_beyond() -> None:
    geometry = Geometry((5, 5, 5), (1.0,) * 3, (0.0,) * 3, AXES)
    grid = regrid(geometry, (2.0,) * 3)
    assert grid.size == (3, 3, 3)
    filled = occupancy(Volume(np.ones((5, 5, 5), bool), geometry), grid)
    assert filled[0, 0, 0] == pytest.approx(1)
    assert filled[2, 0, 0] == pytest.approx(0.5)


def test_ragged_masks_depend_on_the_seed_alone() -> None:
    fine = ball()
    first, again, other = (coarsen_ragged(fine, 2.0, seed) for seed in (1, 1, 2))
    plain = coarsen(fine, 2.0)
    assert np.array_equal(first.array, again.array)
    assert not np.array_equal(first.array, other.array)
    assert first.geometry == plain.geometry
    overlap = 2 * (first.array & plain.array).sum() / (first.array.sum() + plain.array.sum())
    assert 0.75 < overlap < 1
