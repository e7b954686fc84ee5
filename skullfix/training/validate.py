"""How good is the network now?  Implant DSC on held-out skulls, on the network's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skullfix.cases.defects import FAMILIES
from skullfix.evaluation.table import APART
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import Backend
from skullfix.sparse.tensor import SparseTensor
from skullfix.training.augment import sample_head
from skullfix.training.population import Case
from skullfix.training.sample import Sample, cut_defect, make_sample


@dataclass(frozen=True, eq=False)
class Trial:
    """A validation sample; ``family`` is ``challenge`` for the case's own defect."""

    family: str
    sample: Sample


def make_trials(cases: Sequence[Case], spacing: float, in_channels: int, seed: int) -> list[Trial]:
    """One own defect and one of every family for each case, always the same for a seed."""
    trials = []
    for number, case in enumerate(cases):
        head = replace(sample_head(case, spacing), plane=None)  # found on what is left of it
        own = make_sample(head, head.implant, spacing, in_channels)
        trials.append(Trial("challenge", own))
        for index, family in enumerate(FAMILIES):
            rng = np.random.default_rng((seed, 977, number, index))
            implant = cut_defect(head, spacing, rng, family)
            if implant is not None:
                trials.append(Trial(family, make_sample(head, implant, spacing, in_channels)))
    return trials


@torch.no_grad()
def validate(
    network: SparseUNet, trials: Sequence[Trial], backend: Backend, thresholds: Sequence[float]
) -> dict[str, float]:
    """Mean implant DSC by family, and ``varied``, over the families that the table averages."""
    network.eval()
    scores: dict[str, list[float]] = {}
    for trial in trials:
        sample = trial.sample.to(network.device)
        answer = network(sample.inputs, backend, thresholds=thresholds).final
        scores.setdefault(trial.family, []).append(_dice(answer, sample, backend))
    means = {family: float(np.mean(values)) for family, values in scores.items()}
    varied = [v for family, values in scores.items() if family not in APART for v in values]
    return {**means, "varied": float(np.mean(varied))} if varied else means


def _dice(answer: SparseTensor, sample: Sample, backend: Backend) -> float:
    """DSC of the voxels that change from mostly empty to mostly bone."""
    added = torch.sigmoid(answer.features[:, 0])
    predicted = _bone(answer, added, sample, backend)
    wanted = SparseTensor(sample.truth, sample.wanted)
    true = _bone(wanted, sample.truth[:, 0], sample, backend)
    both = backend.find(answer.voxels.select(predicted), wanted.voxels.select(true)) >= 0
    total = int(predicted.sum()) + int(true.sum())
    return 2 * int(both.sum()) / total if total else 1.0


def _bone(on: SparseTensor, added: Tensor, sample: Sample, backend: Backend) -> Tensor:
    """Whether bone fills more than half of a voxel with the implant, but not without it."""
    rows = backend.find(on.voxels, sample.inputs.voxels)
    before = torch.where(rows >= 0, sample.inputs.features[rows.clamp(min=0), 0], 0.0)
    return (before + added > 0.5) & (before <= 0.5)
