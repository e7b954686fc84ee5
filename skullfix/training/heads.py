"""Deformed heads in stock: making one costs more than cutting a defect, so each serves for several.

Slot n of the batch has two heads that take turns, step by step; each stays for USES turns, and the
slots renew theirs at different steps. Which head a slot has at a step depends on (seed, slot, step)
alone, so a run that is resumed makes the same ones again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from skullfix.training.augment import (
    Head,
    crop_field_of_view,
    misjudged,
    random_warp,
    sample_head,
)
from skullfix.training.look import random_look
from skullfix.training.morph import Shapes
from skullfix.training.population import Case
from skullfix.training.variety import NEAR, WIDE

USES = 16  # defects cut into one head
_TURNS = 2  # heads of a slot that take turns


class Heads:
    """The stock.

    Args:
        cases: The training population.
        spacing: Of the network's grid, mm.
        seed: Of the run.
        shapes: The population, registered; None to leave heads as they are but for random warps.
        morph: Share of the heads that are morphed towards a mixture of others.
        near_from: Step from which new heads stay nearer to the population's.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        spacing: float,
        seed: int,
        shapes: Shapes | None = None,
        morph: float = 0.0,
        near_from: float = math.inf,
    ) -> None:
        self.spacing = spacing
        self._cases, self._seed = cases, seed
        self._shapes, self._morph, self._near_from = shapes, morph, near_from
        self._stock: dict[tuple[int, int], tuple[int, Head]] = {}

    def get(self, slot: int, step: int) -> Head:
        """Give the head of a slot at a step, made now unless it is in stock."""
        turn, round_ = step % _TURNS, step // _TURNS
        number = (round_ + slot) // USES
        kept = self._stock.get((slot, turn))
        if kept is None or kept[0] != number:
            kept = (number, self._make(slot, turn, number))
            self._stock[slot, turn] = kept
        return kept[1]

    def _make(self, slot: int, turn: int, number: int) -> Head:
        """Draw a head: a case, deformed, in another scan, with its field of view."""
        rng = np.random.default_rng((self._seed, 1, slot, turn, number))
        first = max(0, turn + _TURNS * (number * USES - slot))  # step at which it is wanted
        variety = NEAR if first >= self._near_from else WIDE
        chosen = int(rng.integers(len(self._cases)))
        morph = None
        if self._shapes is not None and float(rng.random()) < self._morph:
            target = self._shapes.mixture(rng, variety)
            morph = self._shapes.towards(chosen, target, float(rng.random()))
        warp = random_warp(rng, morph, variety)
        head = sample_head(self._cases[chosen], self.spacing, warp, random_look(rng, variety))
        head = crop_field_of_view(head, rng)
        return replace(head, plane=misjudged(head.plane, rng)) if head.plane else head
