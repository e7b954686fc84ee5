"""Heads of two people: whose bone lies where, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from skulls import GEOMETRY, SIDE, case, heads_equal

from skullfix.images.volume import Geometry
from skullfix.training.augment import NO_WARP, Warp, random_warp, sample_head
from skullfix.training.graft import Graft, random_seams
from skullfix.training.heads import Heads
from skullfix.training.morph import Shape, Shapes
from skullfix.training.population import Case

SPACING = 2.0
BOX = np.full(3, 88.0)


def moved(first: Case, by: tuple[float, float, float]) -> Case:
    """The same bone elsewhere in the world."""
    origin = np.asarray(first.geometry.origin) + by
    x, y, z = origin.tolist()
    return replace(first, geometry=replace(first.geometry, origin=(x, y, z)))


def thick(first: Case) -> Case:
    """A ball's bone twice as dense where it is, and whole within."""
    whole = torch.zeros_like(first.whole)
    z, y, x = np.indices((SIDE,) * 3) - (SIDE - 1) / 2
    whole[torch.from_numpy(np.sqrt(z**2 + (0.9 * y) ** 2 + x**2) < 40)] = 255
    return replace(first, whole=whole)


def shapes_of(*cases: Case) -> Shapes:
    """Heads of one shape, each about its own centre."""
    centre = np.asarray(GEOMETRY.origin) + SPACING * (SIDE - 1) / 2
    shapes = [
        Shape(
            centre + np.asarray(c.geometry.origin) - np.asarray(GEOMETRY.origin),
            -BOX,
            BOX,
            torch.zeros(3, 3, 3, 3),
        )
        for c in cases
    ]
    return Shapes(shapes, np.full(3, -100.0), 100.0)


def grafted(first: Case, second: Case, where: torch.Tensor) -> Warp:
    shapes = shapes_of(first, second)
    target = shapes.shapes[0]
    graft = Graft(second, shapes.towards(1, target, 1.0), where)
    return replace(NO_WARP, morph=shapes.towards(0, target, 1.0), graft=graft)


def test_each_side_of_a_seam_has_one_head_s_bone() -> None:
    hollow, full = case(), moved(thick(case()), (31.0, -7.0, 12.0))
    where = torch.zeros(2, 2, 2)
    where[..., 0], where[..., 1] = -1, 1  # the second head's on the side of growing x
    mixed = sample_head(hollow, SPACING, grafted(hollow, full, where))
    alone, other = (
        sample_head(hollow, SPACING, grafted(hollow, full, torch.full((2, 2, 2), side)))
        for side in (-1.0, 1.0)
    )
    plain = replace(grafted(hollow, full, where), graft=None)
    assert heads_equal(alone, replace(sample_head(hollow, SPACING, plain, implant=False)))
    arrays = []
    for head in (mixed, alone, other):
        array = torch.zeros(head.grid.shape)
        array[tuple(head.rows.unbind(1))] = head.skull
        arrays.append(array)
    both, left, right = arrays
    middle, seam = both.shape[2] // 2, 14
    assert torch.equal(both[..., : middle - seam], left[..., : middle - seam])
    assert torch.equal(both[..., middle + seam :], right[..., middle + seam :])
    assert float(right.sum()) > 2 * float(left.sum()) > 0  # the second is not hollow
    assert not mixed.implant.any()


def test_there_is_no_bone_where_one_scan_has_ended() -> None:
    first = case()
    cut = 30
    size, origin = first.geometry.size, first.geometry.origin
    short = replace(
        first,
        whole=first.whole[cut:],
        implant=first.implant[cut:],
        geometry=Geometry(
            (size[0], size[1], size[2] - cut),
            first.geometry.spacing,
            (origin[0], origin[1], origin[2] + cut * SPACING),
            first.geometry.direction,
        ),
    )
    shapes = shapes_of(first, first)
    for one, other in ((first, short), (short, first)):
        for side in (-1.0, 1.0):
            where = torch.full((2, 2, 2), side)
            graft = Graft(other, shapes.towards(1, shapes.shapes[0], 1.0), where)
            warp = replace(NO_WARP, morph=shapes.towards(0, shapes.shapes[0], 1.0), graft=graft)
            points = sample_head(one, SPACING, warp).points()
            assert points[:, 2].min() >= origin[2] + (cut - 1) * SPACING


def test_seams_are_alike_on_both_sides() -> None:
    where = random_seams(np.random.default_rng(1))
    assert torch.equal(where, where.flip(2))
    assert not torch.equal(where, random_seams(np.random.default_rng(2)))


def test_a_share_of_the_heads_is_grafted() -> None:
    cases = [case(34), thick(case(34))]
    shapes = shapes_of(*cases)

    def volumes(share: float) -> list[float]:
        heads = Heads(cases, 5.0, 3, shapes, 1.0, grafted=share)
        return [float(heads.get(slot, 0).skull.sum()) for slot in range(12)]

    none, some = volumes(0.0), volumes(0.5)
    assert none == volumes(0.0)
    assert some == volumes(0.5)
    assert none != some


def test_a_warp_is_drawn_as_before() -> None:
    assert random_warp(np.random.default_rng(4)).graft is None
