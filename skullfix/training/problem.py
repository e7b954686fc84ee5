"""What a run learns: where its samples come from and how good the network is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from skullfix.networks.config import CONFIGS
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import Backend
from skullfix.training.fine_sample import draw_patches
from skullfix.training.fine_validate import make_fine_trials, validate_fine
from skullfix.training.heads import Heads
from skullfix.training.morph import Shapes
from skullfix.training.population import Case
from skullfix.training.sample import Sample, draw_batch
from skullfix.training.settings import Settings
from skullfix.training.validate import make_trials, validate

Scores = dict[str, float]


@dataclass(frozen=True, eq=False)
class Problem:
    """One thing to learn.

    Attributes:
        draw: ``draw(step, first, size)`` makes volumes ``first`` to ``first + size`` of a step.
        score: ``score(network, backend)`` measures on held-out cases.
    """

    draw: Callable[[int, int, int], Sample]
    score: Callable[[SparseUNet, Backend], Scores]


def completion(
    cases: Sequence[Case],
    held_out: Sequence[Case],
    settings: Settings,
    shapes: Shapes | None = None,
) -> Problem:
    """Learn the implant of a defective skull; the cases' shapes are needed to morph them."""
    channels = CONFIGS[settings.architecture].in_channels
    near_from = settings.near_from * settings.steps
    heads = Heads(cases, settings.spacing, settings.seed, shapes, settings.morph, near_from)
    trials = make_trials(held_out, settings.spacing, channels, settings.seed)

    def draw(step: int, first: int, size: int) -> Sample:
        key = (settings.seed, step)
        return draw_batch(heads, channels, size, key, first=first)

    return Problem(
        draw, lambda network, backend: validate(network, trials, backend, settings.thresholds)
    )


FEW = 20  # cases; a smaller population is deformed strongly


def super_resolution(
    cases: Sequence[Case], held_out: Sequence[Case], settings: Settings, device: torch.device
) -> Problem:
    """Learn a fine shape from a coarse mask of it; the patches are made on a device."""
    few = len(cases) < FEW
    rng = np.random.default_rng((settings.seed, 977))
    trials = make_fine_trials(held_out, settings.spacing, settings.factors, rng)
    there = [replace(case, whole=case.whole.to(device)) for case in cases]

    def draw(step: int, first: int, size: int) -> Sample:
        key = (settings.seed, step)
        return draw_patches(
            there, settings.spacing, settings.factors, size, key, first=first, few=few
        )

    return Problem(
        draw, lambda network, backend: validate_fine(network, trials, backend, settings.thresholds)
    )
