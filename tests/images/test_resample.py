"""Occupancy, cropping and sampling in world space."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from skullfix.images.resample import (
    block_average,
    sample_all_onto,
    sample_onto,
    world_bounds,
    world_grid,
)
from skullfix.images.volume import Geometry, Volume

PLAIN = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def turned(angle: float) -> tuple[float, ...]:
    c, s = np.cos(angle), np.sin(angle)
    return (c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0)


def volume(array: np.ndarray, spacing: tuple[float, float, float], angle: float = 0.0) -> Volume:
    size = (array.shape[2], array.shape[1], array.shape[0])
    return Volume(array, Geometry(size, spacing, (3.0, -7.0, 11.0), turned(angle)))  # type: ignore[arg-type]


@settings(max_examples=30)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    spacing=st.tuples(*[st.sampled_from([0.3, 0.45, 0.6, 0.9, 1.5])] * 3),
    seed=st.integers(0, 1000),
)
def test_block_average_keeps_the_volume_and_the_place(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], seed: int
) -> None:
    mask = volume(np.random.default_rng(seed).random(shape) < 0.5, spacing, 0.2)
    coarse = block_average(mask)
    fine_ml = mask.array.sum() * mask.geometry.voxel_volume_ml
    coarse_ml = coarse.array.sum(dtype=float) / 255 * coarse.geometry.voxel_volume_ml
    step = coarse.array.size * coarse.geometry.voxel_volume_ml / 255 / 2
    assert coarse_ml == pytest.approx(fine_ml, abs=step + 1e-9)
    if mask.array.any():
        centres = [
            v.geometry.affine()[:3, :3]
            @ (np.argwhere(v.array).T[::-1] @ v.array[v.array > 0] / v.array.sum(dtype=float))
            + v.geometry.origin
            for v in (mask, coarse)
        ]
        reach = max(coarse.geometry.spacing)  # where in its block a voxel lay is forgotten
        np.testing.assert_allclose(centres[0], centres[1], atol=reach)


def test_sampling_agrees_with_scipy_in_an_oblique_grid() -> None:
    rng = np.random.default_rng(0)
    source = volume(rng.random((9, 10, 11)).astype(np.float32), (0.9, 0.8, 1.3), 0.4)
    grid = world_grid(*world_bounds(source.geometry), 1.1)
    found = sample_onto(source, grid).array
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), -1)[..., ::-1]
    world = index @ grid.affine()[:3, :3].T + grid.origin
    inverse = np.linalg.inv(source.geometry.affine())
    there = (world @ inverse[:3, :3].T + inverse[:3, 3])[..., ::-1]
    expected = map_coordinates(
        source.array, np.moveaxis(there, -1, 0), order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(found, expected, atol=2e-4)


@settings(max_examples=30)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    size=st.tuples(*[st.integers(1, 12)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 2)] * 3),
    away=st.tuples(*[st.floats(-6, 6)] * 3),
    flip=st.sampled_from([1.0, -1.0]),
    angle=st.sampled_from([0.0, 0.4]),
)
def test_parallel_grids_are_sampled_as_any_others(
    shape: tuple[int, int, int],
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
    away: tuple[float, float, float],
    flip: float,
    angle: float,
) -> None:
    source = volume(np.random.default_rng(1).random(shape).astype(np.float32), spacing, angle)
    axes = np.asarray(turned(angle)).reshape(3, 3) * [1, flip, 1]
    grid = Geometry(size, (0.7, 0.9, 1.1), away, tuple(axes.ravel().tolist()))  # type: ignore[arg-type]
    found = sample_onto(source, grid).array
    inverse = np.linalg.inv(source.geometry.affine()) @ grid.affine()
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), -1)[..., ::-1]
    there = (index @ inverse[:3, :3].T + inverse[:3, 3])[..., ::-1]
    expected = map_coordinates(
        source.array, np.moveaxis(there, -1, 0), order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)
    twice = Volume(3 - source.array, source.geometry)
    both = sample_all_onto([source, twice], grid)
    for one, together in zip((source, twice), both, strict=True):
        np.testing.assert_array_equal(sample_onto(one, grid).array, together.array)


def test_the_world_grid_covers_its_box_at_whole_multiples() -> None:
    grid = world_grid(np.array([-3.1, 0.0, 5.0]), np.array([4.0, 0.0, 9.1]), 1.8)
    low, high = world_bounds(grid)
    assert (low <= [-3.1, 0.0, 5.0]).all()
    assert (high >= [4.0, 0.0, 9.1]).all()
    np.testing.assert_allclose(
        np.asarray(grid.origin) / 1.8, np.rint(np.asarray(grid.origin) / 1.8)
    )
    assert grid.direction == PLAIN
