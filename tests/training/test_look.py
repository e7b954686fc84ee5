"""Another scan of the same head: thickness and slices change, place and implant's share do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skulls import case

from skullfix.training.augment import NO_WARP, Head, sample_head
from skullfix.training.look import Look, change_look, random_look

SPACING = 5.0


def flat(growth: float, slice_mm: float = 0.0) -> Look:
    return Look(torch.full((2, 2, 2), growth), slice_mm)


def volume(head: Head) -> float:
    return float(head.skull.sum())


def test_no_change_is_no_change() -> None:
    plain = sample_head(case(), SPACING)
    same = sample_head(case(), SPACING, NO_WARP, flat(0.0))
    strong = plain.skull > 0.02  # fainter voxels go
    assert torch.equal(same.rows, plain.rows[strong])
    torch.testing.assert_close(same.skull, plain.skull[strong])
    torch.testing.assert_close(same.implant, plain.implant[strong])


def test_growth_moves_both_surfaces() -> None:
    sizes = [volume(sample_head(case(), SPACING, NO_WARP, flat(g))) for g in (-0.4, 0.0, 0.4)]
    surface = 2 * 4 * np.pi * (38 * 2.0 / SPACING) ** 2 / 0.9**2  # voxels, both sides, roughly
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[2] - sizes[1] == pytest.approx(0.4 * surface, rel=0.5)
    assert sizes[1] - sizes[0] == pytest.approx(0.4 * surface, rel=0.5)


@pytest.mark.parametrize("growth", [-0.4, 0.4])
def test_the_implant_stays_a_part_of_the_bone(growth: float) -> None:
    head = sample_head(case(), SPACING, NO_WARP, flat(growth))
    assert bool((head.implant <= head.skull + 1e-6).all())
    plain = sample_head(case(), SPACING)
    share = float(head.implant.sum()) / volume(head)
    assert share == pytest.approx(float(plain.implant.sum()) / volume(plain), rel=0.1)


def test_thick_slices_blur_along_z_only() -> None:
    block = torch.zeros(24, 24, 24)
    block[8:16, 8:16, 8:16] = 1
    thick, _ = change_look(block, torch.zeros_like(block), flat(0.0, 10.0), SPACING)
    assert bool((thick[12, 8:16, 8:16] > 0.9).all())
    assert float(thick[:, :8].max()) == float(thick[:, :, 16:].max()) == 0
    assert float(((thick > 0.1) & (thick < 0.9)).sum()) > 0
    assert float(thick.sum()) == pytest.approx(512, rel=0.2)


def test_a_seed_decides_the_look() -> None:
    first, again, other = (random_look(np.random.default_rng(s)) for s in (2, 2, 3))
    assert torch.equal(first.growth, again.growth)
    assert first.slice_mm == again.slice_mm
    assert not torch.equal(first.growth, other.growth)
    assert float(first.growth.abs().max()) <= 0.6
