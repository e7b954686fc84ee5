"""How good is super-resolution now?  DSC on patches of held-out shapes, beside interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from skullfix.cases.coarsen import FULL
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import Backend
from skullfix.sparse.tensor import SparseTensor
from skullfix.training.fine_sample import cut_patch, make_coarse, make_patch
from skullfix.training.population import Case
from skullfix.training.sample import Sample

PATCHES = 4  # of every case and factor


@dataclass(frozen=True, eq=False)
class FineTrial:
    """A validation patch."""

    factor: int
    sample: Sample


def make_fine_trials(
    cases: Sequence[Case], spacing: float, factors: Sequence[int], rng: np.random.Generator
) -> list[FineTrial]:
    """Take patches of each case for each factor; the same generator gives the same ones."""
    trials = []
    for case in cases:
        for factor in factors:
            for _ in range(PATCHES):
                fine = cut_patch(case, spacing, factor, rng)
                coarse = make_coarse(fine, factor, rng, plain=True)
                trials.append(FineTrial(factor, make_patch(fine, coarse, factor)))
    return trials


@torch.no_grad()
def validate_fine(
    network: SparseUNet,
    trials: Sequence[FineTrial],
    backend: Backend,
    thresholds: Sequence[float],
) -> dict[str, float]:
    """DSC over all patches of a factor, of the network and of linear interpolation.

    The keys are ``x2``, ``linear_x2`` and so on.
    """
    network.eval()
    counts: dict[str, list[int]] = {}
    for trial in trials:
        sample = trial.sample.to(network.device)
        answer = network(sample.inputs, backend, thresholds=thresholds).final
        truth = sample.wanted.select(sample.truth[:, 0] >= FULL)
        linear = SparseTensor(sample.inputs.features[:, :1] - FULL, sample.inputs.voxels)
        for name, found in ((f"x{trial.factor}", answer), (f"linear_x{trial.factor}", linear)):
            predicted = found.voxels.select(found.features[:, 0] > 0)
            both = int((backend.find(predicted, truth) >= 0).sum())
            total = counts.setdefault(name, [0, 0])
            total[0] += 2 * both
            total[1] += len(predicted) + len(truth)
    return {name: a / b if b else 1.0 for name, (a, b) in counts.items()}
