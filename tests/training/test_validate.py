"""Validation during a run: a perfect answer, none, and which families are averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from skulls import case

from skullfix.evaluation.table import APART
from skullfix.networks.unet import NetworkOutput
from skullfix.sparse.backend import Backend, get_backend
from skullfix.sparse.tensor import SparseTensor
from skullfix.training.validate import Trial, make_trials, validate

THRESHOLDS = (-1.0,) * 6


class Told(torch.nn.Module):
    """A network that has been told the answers, or half of their families."""

    def __init__(self, trials: Sequence[Trial], known: set[str]) -> None:
        super().__init__()
        self.trials, self.known = trials, known
        self.device = torch.device("cpu")

    def forward(
        self, inputs: SparseTensor, backend: Backend, *, thresholds: Sequence[float]
    ) -> NetworkOutput:
        assert tuple(thresholds) == THRESHOLDS
        trial = next(t for t in self.trials if t.sample.inputs is inputs)
        truth = trial.sample.truth if trial.family in self.known else 0 * trial.sample.truth
        return NetworkOutput(SparseTensor(torch.logit(truth, 1e-4), trial.sample.wanted), ())


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return make_trials([case(40)], 4.0, 4, 5)


def test_a_perfect_answer_and_none(trials: list[Trial]) -> None:
    families = {trial.family for trial in trials}
    assert "challenge" in families
    assert families - APART
    for known, wanted in ((families, 1.0), (set[str](), 0.0)):
        scores = validate(Told(trials, known), trials, get_backend(), THRESHOLDS)
        assert set(scores) == families | {"varied"}
        np.testing.assert_allclose(list(scores.values()), wanted)


def test_families_apart_are_not_averaged(trials: list[Trial]) -> None:
    apart = [trial for trial in trials if trial.family in APART]
    scores = validate(Told(trials, set(APART)), trials, get_backend(), THRESHOLDS)
    assert scores["varied"] == 0
    assert scores["challenge"] == 1
    assert "varied" not in validate(Told(apart, set(APART)), apart, get_backend(), THRESHOLDS)
