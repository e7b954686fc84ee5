"""Patches for super-resolution: truth, input, determinism."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skulls import SPACING as CASE_SPACING
from skulls import case

from skullfix.sparse.backend import get_backend
from skullfix.training.augment import NO_WARP
from skullfix.training.fine_sample import (
    MARGIN,
    SIDE,
    cut_patch,
    draw_centre,
    draw_patches,
    make_coarse,
    make_patch,
    sample_patch,
)
from skullfix.training.fine_validate import make_fine_trials


def test_a_patch_is_the_shape_at_its_place() -> None:
    ball = case()
    fine = sample_patch(ball, CASE_SPACING, 2, NO_WARP, np.asarray([-1.0, -1.0, 97.0]))
    side = fine.shape[0]
    # The middle lies between voxels 43 and 44 along x and z, 44 and 45 along y; beyond is nothing.
    before = (side // 2 - 44, side // 2 - 45)
    whole = torch.zeros(side, side, side)
    whole[before[0] : before[0] + 88, before[1] : before[1] + 88, before[0] : before[0] + 88] = (
        ball.whole.float() / 255
    )
    torch.testing.assert_close(fine, whole, atol=1e-4, rtol=0)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), factor=st.sampled_from((2, 4)))
def test_a_cut_patch_is_the_case_itself(seed: int, factor: int) -> None:
    ball = case(30)
    patch = cut_patch(ball, CASE_SPACING, factor, np.random.default_rng(seed))
    assert patch.shape == (SIDE + 2 * MARGIN * factor,) * 3
    assert set(patch.unique().tolist()) <= {0.0, 1.0}
    assert 0 < float(patch.sum()) <= float((ball.whole > 0).sum())


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), factor=st.sampled_from((2, 4)))
def test_a_patch_of_larger_voxels_keeps_the_volume(seed: int, factor: int) -> None:
    ball = case(8)  # lies in any patch about one of its voxels
    patch = cut_patch(ball, 2 * CASE_SPACING, factor, np.random.default_rng(seed))
    share = float(patch.sum()) * 8 / float((ball.whole > 0).sum())
    assert 0.5 < share < 2  # of voxels stretched by about 10 % at most along each axis
    assert 0 <= float(patch.min()) <= float(patch.max()) <= 1 + 1e-6


def test_a_moved_patch_is_the_same_patch() -> None:
    rng = np.random.default_rng(2)
    fine = sample_patch(case(), CASE_SPACING, 2, NO_WARP, draw_centre(case(), rng))
    coarse = make_coarse(fine, 2, rng, plain=True)
    here, there = make_patch(fine, coarse, 2), make_patch(fine, coarse, 2, (4, 0, 62))
    shift = torch.tensor([0, 4, 0, 62], dtype=torch.int32)
    assert torch.equal(here.inputs.voxels.coordinates + shift, there.inputs.voxels.coordinates)
    assert torch.equal(here.inputs.features, there.inputs.features)
    assert torch.equal(here.wanted.coordinates + shift, there.wanted.coordinates)
    assert torch.equal(here.truth, there.truth)


@pytest.mark.parametrize("factor", [2, 3, 4, 6])
def test_input_and_truth_lie_on_one_patch(factor: int) -> None:
    rng = np.random.default_rng(0)
    fine = sample_patch(case(), CASE_SPACING, factor, NO_WARP, draw_centre(case(), rng))
    sample = make_patch(fine, make_coarse(fine, factor, rng, plain=True), factor)
    for voxels in (sample.inputs.voxels, sample.wanted):
        assert int(voxels.coordinates.min()) >= 0
        assert int(voxels.coordinates.max()) < SIDE
        assert torch.equal(voxels.keys, voxels.keys.unique())
    solid = sample.wanted.select(sample.truth[:, 0] > 0.5)
    seen = get_backend("reference").find(solid, sample.inputs.voxels) >= 0
    assert float(seen.float().mean()) > 0.7  # the rest is thinner than a coarse voxel


def test_the_truth_has_the_same_border_in_higher_contrast() -> None:
    rng = np.random.default_rng(0)
    fine = torch.from_numpy(rng.random((SIDE + 8,) * 3).astype(np.float32))
    sample = make_patch(fine, make_coarse(fine, 2, rng, plain=True), 2)
    z, y, x = sample.wanted.coordinates[:, 1:].long().unbind(1)
    filled = fine[4 + z, 4 + y, 4 + x]
    truth = sample.truth[:, 0]
    assert torch.equal(truth >= 0.5, filled >= 0.5)
    doubtful = (filled > 0.25) & (filled < 0.75)
    torch.testing.assert_close(truth[doubtful], 2 * filled[doubtful] - 0.5)
    assert set(truth[~doubtful].tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("few", [False, True])
def test_a_key_decides_a_batch(few: bool) -> None:
    batches = [
        draw_patches([case()], 2.0, (2, 4), 2, key, few=few) for key in ((1, 0), (1, 0), (1, 1))
    ]
    assert torch.equal(batches[0].inputs.features, batches[1].inputs.features)
    assert torch.equal(batches[0].truth, batches[1].truth)
    assert not torch.equal(batches[0].truth, batches[2].truth)
    second = draw_patches([case()], 2.0, (2, 4), 1, (1, 0), first=1, few=few)
    mine = batches[0].wanted.coordinates[:, 0] == 1
    assert torch.equal(second.truth, batches[0].truth[mine])


def test_trials_are_always_the_same() -> None:
    first, again = (
        make_fine_trials([case()], 2.0, (2,), np.random.default_rng(5)) for _ in range(2)
    )
    assert len(first) == len(again) == 4
    assert all(
        torch.equal(a.sample.truth, b.sample.truth) for a, b in zip(first, again, strict=True)
    )
