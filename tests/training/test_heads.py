"""Heads in stock: which deformation they get, and that it depends on the step alone."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from skulls import case, heads_equal

from skullfix.training.augment import Head, random_warp
from skullfix.training.heads import USES, Heads
from skullfix.training.look import random_look
from skullfix.training.variety import NEAR, WIDE, Variety

SPACING, SEED = 5.0, 3


def test_the_stock_of_heads_depends_on_slot_and_step_alone() -> None:
    cases = [case(38), case(41)]
    steps = range(2 * USES + 2)
    going = Heads(cases, SPACING, 3)
    seen = [going.get(1, step) for step in steps]
    for step in (3, 7, 9):
        assert heads_equal(Heads(cases, SPACING, 3).get(1, step), seen[step])
    same_turn = [seen[step] for step in steps if step % 2 == 0]
    renewed = [a is not b for a, b in pairwise(same_turn)]
    assert 1 <= sum(renewed) <= 2  # each serves several times
    assert not heads_equal(seen[0], seen[1])  # two take turns


def test_heads_made_from_a_step_on_are_nearer_to_the_population() -> None:
    cases, slot, boundary = [case(34), case(38)], 5, 2 * USES
    wide, near, both = (Heads(cases, SPACING, SEED, near_from=n) for n in (math.inf, 0, boundary))
    last: dict[int, Head] = {}
    renewed = set()
    for step in range(3 * boundary):
        head = both.get(slot, step)
        if head is last.get(step % 2):
            continue
        last[step % 2] = head
        renewed.add(step >= boundary)
        wanted, other = (near, wide) if step >= boundary else (wide, near)
        assert heads_equal(head, wanted.get(slot, step))
        assert not heads_equal(head, other.get(slot, step))
    assert renewed == {False, True}


def test_a_resumed_run_gets_the_same_heads() -> None:
    cases = [case(36)]
    going = Heads(cases, SPACING, SEED, near_from=USES)
    seen = {step: going.get(1, step) for step in range(0, 6 * USES, USES - 1)}
    for step, head in seen.items():
        assert heads_equal(Heads(cases, SPACING, SEED, near_from=USES).get(1, step), head)


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
