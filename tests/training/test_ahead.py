"""Batches made ahead: the same ones, whoever makes them."""

from __future__ import annotations

import sys

import pytest
import torch
from skulls import case

from skullfix.errors import UsageError
from skullfix.training.ahead import batches
from skullfix.training.distributed import Ranks
from skullfix.training.problem import Problem, completion
from skullfix.training.sample import Sample
from skullfix.training.settings import Settings

CPU = torch.device("cpu")
SETTINGS = Settings("implant-s", 6.0, steps=4, batch=2, seed=3)


@pytest.fixture(scope="module")
def problem() -> Problem:
    balls = [case(radius) for radius in (36, 40)]
    return completion(balls, balls[:1], SETTINGS)


def made(problem: Problem, done: int, workers: int) -> list[Sample]:
    return list(batches(problem, SETTINGS, done, Ranks(), CPU, workers))


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
@pytest.mark.parametrize("done", [0, 3])
def test_processes_make_what_a_thread_makes(problem: Problem, done: int) -> None:
    alone, together = (made(problem, done, workers) for workers in (0, 2))
    assert len(alone) == len(together) == SETTINGS.steps - done
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.inputs.voxels.coordinates, other.inputs.voxels.coordinates)
        assert torch.equal(one.inputs.features, other.inputs.features)
        assert torch.equal(one.wanted.coordinates, other.wanted.coordinates)
        assert torch.equal(one.truth, other.truth)
        assert one.inputs.voxels.batch_size == other.wanted.batch_size == SETTINGS.batch


def test_ranks_take_different_parts(problem: Problem) -> None:
    first, second = (
        next(batches(problem, SETTINGS, 0, Ranks(rank, 2), CPU, 0)).inputs for rank in (0, 1)
    )
    four = problem.draw(0, 0, 2 * SETTINGS.batch).inputs
    for part, volumes in ((first, (0, 1)), (second, (2, 3))):
        for place, volume in enumerate(volumes):
            mine = part.voxels.coordinates[:, 0] == place
            there = four.voxels.coordinates[:, 0] == volume
            assert torch.equal(part.features[mine], four.features[there])
    assert first.features.shape != second.features.shape


def test_no_processes_where_they_cannot_be_forked(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UsageError, match="--workers 2 on win32"):
        batches(problem, SETTINGS, 0, Ranks(), CPU, 2)
