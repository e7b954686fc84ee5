"""Samples: determinism, what the network is told, batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skulls import case, heads_equal

from skullfix.errors import InputError
from skullfix.images.midplane import Plane
from skullfix.images.resample import world_bounds
from skullfix.images.volume import Geometry
from skullfix.training.augment import (
    NO_WARP,
    crop_field_of_view,
    misjudged,
    random_warp,
    sample_head,
)
from skullfix.training.heads import Heads
from skullfix.training.look import random_look
from skullfix.training.population import Case
from skullfix.training.sample import Sample, collate, cut_defect, draw_batch, make_sample

SPACING = 5.0


def samples_equal(first: Sample, second: Sample) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in (
            (first.inputs.features, second.inputs.features),
            (first.inputs.voxels.coordinates, second.inputs.voxels.coordinates),
            (first.wanted.coordinates, second.wanted.coordinates),
            (first.truth, second.truth),
        )
    )


def test_a_seed_decides_warp_and_head() -> None:
    heads = []
    for seed in (1, 1, 2):
        rng = np.random.default_rng(seed)
        head = sample_head(case(), SPACING, random_warp(rng), random_look(rng))
        heads.append(crop_field_of_view(head, rng))
    assert heads_equal(heads[0], heads[1])
    assert not heads_equal(heads[0], heads[2])


@pytest.mark.parametrize("warped", [False, True])
def test_a_head_holds_what_the_case_holds(warped: bool) -> None:
    warp = random_warp(np.random.default_rng(3)) if warped else NO_WARP
    head = sample_head(case(), SPACING, warp)
    assert bool(((head.skull > 0) & (head.skull <= 1 + 1e-6)).all())
    assert bool((head.implant <= head.skull).all())
    assert head.implant.min() >= 0
    true = float((case().whole > 0).sum()) * 8  # mm³
    assert float(head.skull.sum()) * SPACING**3 == pytest.approx(true, rel=0.5 if warped else 0.08)
    assert len(torch.unique(head.rows, dim=0)) == len(head.rows)
    assert float(sample_head(case(), SPACING, warp, implant=False).implant.sum()) == 0


def test_input_and_truth_together_are_the_skull() -> None:
    head = sample_head(case(), SPACING)
    sample = make_sample(head, head.implant, SPACING, 4)
    assert sample.inputs.features.shape[1] == 4
    assert sample.truth.shape == (len(sample.wanted), 1)
    assert float(sample.truth.sum()) == pytest.approx(float(head.implant.sum()), rel=0.02)
    keys = sample.wanted.keys
    assert torch.equal(keys, keys.unique())
    assert torch.equal(sample.inputs.voxels.keys, sample.inputs.voxels.keys.unique())
    position = sample.inputs.features[:, 1:] * 100 / SPACING + 128
    torch.testing.assert_close(position, sample.inputs.voxels.coordinates[:, 1:].float())


def test_a_mirrored_sample_sees_both_sides() -> None:
    head = sample_head(case(), SPACING)
    flank = torch.where(head.rows[:, 2] > 24, head.skull, 0.0)
    sample = make_sample(head, flank, SPACING, 5)
    bone, image = sample.inputs.features[:, 0], sample.inputs.features[:, 4]
    assert sample.inputs.features.shape[1] == 5
    assert torch.equal(sample.inputs.voxels.keys, sample.inputs.voxels.keys.unique())
    assert bool((torch.maximum(bone, image) > 0.25).all())
    cut = (bone == 0).sum()
    assert 0.6 * float((flank > 0.25).sum()) < cut < 2 * float((flank > 0.25).sum())
    place = sample.inputs.features[:, 1:4] * 100 / SPACING + 128
    torch.testing.assert_close(place, sample.inputs.voxels.coordinates[:, 1:].float())


def test_a_plane_goes_where_its_head_goes() -> None:
    known = replace(case(), plane=Plane((0.0, -3.0, 97.0), (1.0, 0.0, 0.0)))
    rng = np.random.default_rng(4)
    warp = random_warp(rng)
    plane = sample_head(known, SPACING, replace(warp, bend_mm=torch.zeros(3, 2, 2, 2))).plane
    assert plane is not None
    middle = np.add(world_bounds(known.geometry)[0], world_bounds(known.geometry)[1]) / 2
    helper = np.cross(plane.normal, (0.0, 0.6, 0.8))
    for along in (helper, np.cross(plane.normal, helper)):  # points on it come from the source's
        source = warp.matrix @ (np.asarray(plane.point) + 30 * along - middle) + middle
        assert source[0] == pytest.approx(0.0, abs=1e-6)
    moved = misjudged(plane, rng)
    assert 0 < np.degrees(np.arccos(np.dot(moved.normal, plane.normal))) < 3


def test_an_intact_head_wants_nothing() -> None:
    head = sample_head(case(), SPACING)
    sample = make_sample(head, torch.zeros_like(head.skull), SPACING, 1)
    assert len(sample.wanted) == len(sample.truth) == 0


def test_a_shift_moves_everything() -> None:
    head, shift = sample_head(case(), SPACING), np.array([1, -2, 3])
    plain = make_sample(head, head.implant, SPACING, 1)
    moved = make_sample(head, head.implant, SPACING, 1, shift=shift)
    by = torch.tensor([0, *shift.tolist()])
    assert torch.equal(moved.wanted.coordinates, plain.wanted.coordinates + by)
    assert torch.equal(moved.inputs.voxels.coordinates, plain.inputs.voxels.coordinates + by)


def test_a_seed_decides_a_batch() -> None:
    cases = [case(38), case(41)]
    batches = [draw_batch(Heads(cases, SPACING, 7), 4, 3, (7, step)) for step in (0, 0, 1)]
    assert samples_equal(batches[0], batches[1])
    assert not samples_equal(batches[0], batches[2])
    assert batches[0].inputs.voxels.batch_size == batches[0].wanted.batch_size == 3
    assert set(batches[0].inputs.voxels.coordinates[:, 0].tolist()) == {0, 1, 2}
    keys = batches[0].inputs.voxels.keys
    assert torch.equal(keys, keys.unique())


def test_collate_numbers_the_volumes() -> None:
    head = sample_head(case(), SPACING)
    own = make_sample(head, head.implant, SPACING, 1)
    intact = make_sample(head, torch.zeros_like(head.skull), SPACING, 1)
    batch = collate([own, intact, own])
    volumes = batch.wanted.coordinates[:, 0]
    assert volumes.tolist() == [0] * len(own.wanted) + [2] * len(own.wanted)
    for volume in (0, 2):
        rows = batch.inputs.voxels.coordinates[:, 0] == volume
        assert torch.equal(batch.inputs.features[rows], own.inputs.features)
        assert torch.equal(batch.truth[volumes == volume], own.truth)


def test_cut_defects_lie_within_the_bone() -> None:
    head = sample_head(case(), SPACING)
    for seed in range(4):
        implant = cut_defect(head, SPACING, np.random.default_rng(seed))
        if implant is not None:
            assert bool((implant >= 0).all() and (implant <= head.skull).all())


def test_skulls_that_no_defect_fits_are_refused() -> None:
    speck = torch.zeros(12, 12, 12, dtype=torch.uint8)
    speck[5, 5, 5] = 255
    grid = Geometry((12, 12, 12), (0.9, 0.9, 0.9), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    case = Case("speck", speck, torch.zeros_like(speck), grid)
    with pytest.raises(InputError, match="no defect could be cut"):
        draw_batch(Heads([case], 1.8, 0), 4, 40, (0, 0))
