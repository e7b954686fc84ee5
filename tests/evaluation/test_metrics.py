from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import surface_distance
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion, distance_transform_edt

from skullfix.evaluation.metrics import boundary_dice, dice, hausdorff95, reconstruction_error

SPACING = (0.7, 0.45, 0.4)  # (z, y, x)
Array = np.ndarray[Any, Any]


def blobs(seed: int, shape: tuple[int, int, int] = (14, 17, 15), fill: float = 0.5) -> Array:
    """Random smooth lumps; they touch the edges of the grid."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=shape)
    for axis in range(3):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    return noise > np.quantile(noise, 1 - fill)


def plain_dice(a: Array, b: Array) -> float:
    first, second = set(np.flatnonzero(a).tolist()), set(np.flatnonzero(b).tolist())
    total = len(first) + len(second)
    return 2 * len(first & second) / total if total else 1.0


def plain_hausdorff95(a: Array, b: Array) -> float:
    """The definition, word by word, on the whole grid."""
    ours, theirs = a ^ binary_erosion(a), b ^ binary_erosion(b)
    to_theirs = distance_transform_edt(~theirs, sampling=SPACING)[ours]
    to_ours = distance_transform_edt(~ours, sampling=SPACING)[theirs]
    return float(np.percentile(np.concatenate([to_theirs, to_ours]), 95))


def plain_boundary_dice(a: Array, b: Array, skull: Array, distance: float) -> float:
    near = distance_transform_edt(~skull, sampling=SPACING) <= distance
    return plain_dice(a & near, b & near)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.01, 0.95), st.floats(0.01, 0.95))
def test_metrics_are_their_definitions(one: int, two: int, fill: float, other: float) -> None:
    a, b = blobs(one, fill=fill), blobs(two, fill=other)
    assert dice(a, b) == plain_dice(a, b) == dice(b, a)
    assert hausdorff95(a, b, SPACING) == pytest.approx(plain_hausdorff95(a, b), rel=1e-12)
    assert reconstruction_error(a, b) == pytest.approx(100 * np.mean(a != b))
    skull = blobs(one + 1, fill=0.02)
    for distance in (0.5, 1.4, 10.0):
        expected = plain_boundary_dice(a, b, skull, distance)
        assert boundary_dice(a, b, skull, SPACING, distance) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
@pytest.mark.parametrize("seed", range(4))
def test_distances_against_an_independent_library(seed: int) -> None:
    """surface-distance keeps the two directions apart; its Hausdorff is the larger percentile.

    Its surface lies on the corners between voxels, ours on the voxels inside, so the distances
    of both directions together may differ by a voxel, and on average by much less.
    """
    a, b = blobs(seed, (20, 22, 21), 0.3), blobs(seed + 50, (20, 22, 21), 0.3)
    found = surface_distance.compute_surface_distances(a, b, SPACING)
    both = np.concatenate([found["distances_gt_to_pred"], found["distances_pred_to_gt"]])
    ours = hausdorff95(a, b, SPACING)
    assert ours == pytest.approx(np.percentile(both, 95), abs=max(SPACING))
    larger = surface_distance.compute_robust_hausdorff(found, 95)
    assert larger >= np.percentile(both, 95) - max(SPACING)
    assert dice(a, b) == surface_distance.compute_dice_coefficient(a, b)


def test_known_distances() -> None:
    a, b = np.zeros((9, 9, 40), bool), np.zeros((9, 9, 40), bool)
    a[2:7, 2:7, 5:10] = True
    b[2:7, 2:7, 25:30] = True
    # Opposite corners of the nearer and the farther faces: 15 to 20 voxels along x.
    assert hausdorff95(a, a, (1, 1, 1)) == 0.0
    assert 15.0 <= hausdorff95(a, b, (1, 1, 1)) <= 20.0
    assert hausdorff95(a, b, (1, 1, 0.5)) == pytest.approx(hausdorff95(a, b, (2, 2, 1)) / 2)
    one, two = np.zeros((4, 4, 4), bool), np.zeros((4, 4, 4), bool)
    one[0, 0, 0] = two[3, 0, 0] = True
    assert hausdorff95(one, two, (2.0, 1.0, 1.0)) == 6.0  # spacing is in array order


def test_both_directions_together_and_not_the_larger_of_two() -> None:
    a = np.zeros((3, 3, 2000), bool)
    a[1, 1, :1000] = True
    b = a.copy()
    b[1, 1, 1000:1090] = True  # 90 of 2090 border voxels lie beyond a
    assert hausdorff95(a, b, (1, 1, 1)) == 0.0
    directed = np.percentile(np.r_[np.zeros(1000), np.arange(1, 91)], 95)
    assert directed > 30.0


def test_cropping_changes_nothing() -> None:
    a, b, skull = blobs(1), blobs(2), blobs(3, fill=0.1)
    wide = [np.pad(item, ((30, 2), (1, 40), (25, 25))) for item in (a, b, skull)]
    assert hausdorff95(wide[0], wide[1], SPACING) == pytest.approx(hausdorff95(a, b, SPACING))
    assert boundary_dice(*wide, SPACING, 1.0) == boundary_dice(a, b, skull, SPACING, 1.0)


def test_empty_masks() -> None:
    empty, some = np.zeros((4, 5, 6), bool), np.ones((4, 5, 6), bool)
    assert dice(empty, empty) == 1.0
    assert dice(empty, some) == dice(some, empty) == 0.0
    assert hausdorff95(empty, empty, (1, 1, 1)) == 0.0
    assert math.isinf(hausdorff95(empty, some, (1, 1, 1)))
    assert math.isinf(hausdorff95(some, empty, (1, 1, 1)))
    assert boundary_dice(empty, empty, some, (1, 1, 1)) == 1.0
    assert boundary_dice(some, empty, some, (1, 1, 1)) == 0.0
    assert boundary_dice(some, some, empty, (1, 1, 1)) == 1.0  # nothing is near: nothing is left
    assert reconstruction_error(empty, some) == 100.0


def test_bytes_are_masks_too() -> None:
    a, b = blobs(1), blobs(2)
    assert dice(a.astype(np.uint8), b.astype(np.uint8)) == dice(a, b)
    assert hausdorff95(a.astype(np.uint8), b, SPACING) == hausdorff95(a, b, SPACING)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes"):
        dice(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)))
