"""Heads in stock: which deformation they get, and that it depends on the step alone."""

from __future__ import annotations

import numpy as np
import torch

from skullfix.training.augment import Head, random_warp
from skullfix.training.heads import USES, Heads
from skullfix.training.look import random_look
from skullfix.training.variety import NEAR, WIDE, Variety
from tests.training.skulls import case

SPACING, SEED = 5.0, 3


def same(a: Head, b: Head) -> bool:
    return a.grid == b.grid and torch.equal(a.skull, b.skull)


def test_heads_made_from_a_step_on_are_nearer_to_the_population() -> None:
    cases, slot, boundary = [case(34), case(38)], 5, 2 * USES
    wide, near, both = (Heads(cases, SPACING, SEED, near_from=n) for n in (None, 0, boundary))
    last: dict[int, Head] = {}
    renewed = set()
    for step in range(3 * boundary):
        head = both.get(slot, step)
        if head is last.get(step % 2):
            continue
        last[step % 2] = head
        renewed.add(step >= boundary)
        wanted, other = (near, wide) if step >= boundary else (wide, near)
        assert same(head, wanted.get(slot, step))
        assert not same(head, other.get(slot, step))
    assert renewed == {False, True}


def test_a_resumed_run_gets_the_same_heads() -> None:
    cases = [case(36)]
    going = Heads(cases, SPACING, SEED, near_from=USES)
    seen = {step: going.get(1, step) for step in range(0, 6 * USES, USES - 1)}
    for step, head in seen.items():
        assert same(Heads(cases, SPACING, SEED, near_from=USES).get(1, step), head)


def test_near_heads_bend_stretch_and_grow_less() -> None:
    def strength(variety: Variety) -> list[float]:
        warps = [random_warp(np.random.default_rng(s), None, variety) for s in range(40)]
        looks = [random_look(np.random.default_rng(s), variety) for s in range(40)]
        sizes = [np.log(np.abs(np.linalg.det(w.matrix))) for w in warps]
        return [
            float(np.mean([w.bend_mm.abs().mean() for w in warps])),
            float(np.std(sizes)),
            float(np.mean([look.growth.abs().mean() for look in looks])),
            float(np.mean([look.slice_mm > 0 for look in looks])),
        ]

    assert all(a < 0.7 * b for a, b in zip(strength(NEAR), strength(WIDE), strict=True))
