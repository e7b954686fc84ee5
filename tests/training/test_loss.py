"""The loss against a calculation by hand."""

from __future__ import annotations

import math

import pytest
import torch

from skullfix.networks.unet import LevelOutput, NetworkOutput
from skullfix.sparse.backend import get_backend
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet
from skullfix.training.loss import RECALL_WEIGHT, level_loss, occupancy_loss


def on(*xs: int) -> VoxelSet:
    rows = torch.tensor([[0, 0, 0, x] for x in xs]).long()
    return VoxelSet.from_coordinates(rows.reshape(-1, 4), 1)


def level(logits: list[float], target: list[bool]) -> LevelOutput:
    return LevelOutput(
        0, on(*range(len(logits))), torch.tensor(logits, requires_grad=True), torch.tensor(target)
    )


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_levels_by_hand() -> None:
    levels = [level([2.0, -1.0], [True, False]), level([0.5], [True])]
    first = (softplus(-2.0) + softplus(-1.0)) / 2
    assert float(level_loss(levels).detach()) == pytest.approx(first + softplus(-0.5))
    weighted = (3 * softplus(-2.0) + softplus(-1.0)) / 2 + 3 * softplus(-0.5)
    assert float(level_loss(levels, 3.0).detach()) == pytest.approx(weighted)


def test_implants_by_hand() -> None:
    logits = torch.tensor([[1.0], [-2.0], [0.0]], requires_grad=True)
    final = SparseTensor(logits, on(3, 5, 6))
    levels = (level([2.0], [True]),)
    loss = occupancy_loss(
        NetworkOutput(final, levels),
        on(3, 4, 6),
        torch.tensor([[0.8], [1.0], [0.3]]),
        get_backend(),
    )
    goal, p = (0.8, 0.0, 0.3), [1 / (1 + math.exp(-x)) for x in (1.0, -2.0, 0.0)]
    entropy = -sum(
        g * math.log(q) + (1 - g) * math.log(1 - q) for g, q in zip(goal, p, strict=True)
    )
    overlap = 2 * sum(g * q for g, q in zip(goal, p, strict=True)) + 1
    dice = overlap / (sum(q * q for q in p) + sum(g * g for g in goal) + 1)
    expected = RECALL_WEIGHT * softplus(-2.0) + 2 * (entropy / 3 + 1 - dice)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_the_volumes_share_one_dice() -> None:
    rows = torch.tensor([[0, 0, 0, 1], [0, 0, 0, 2], [2, 0, 0, 1]])
    voxels = VoxelSet.from_coordinates(rows, 3)
    logits = torch.tensor([[1.0], [-2.0], [0.5]], requires_grad=True)
    wanted = VoxelSet.from_coordinates(rows[[0, 2]], 3)
    output = NetworkOutput(SparseTensor(logits, voxels), (level([0.0], [True]),))
    loss = occupancy_loss(output, wanted, torch.tensor([[0.8], [0.6]]), get_backend())
    p = [1 / (1 + math.exp(-x)) for x in (1.0, -2.0, 0.5)]
    goal = (0.8, 0.0, 0.6)
    entropy = -sum(
        g * math.log(q) + (1 - g) * math.log(1 - q) for g, q in zip(goal, p, strict=True)
    )
    overlap = 2 * (0.8 * p[0] + 0.6 * p[2]) + 1
    dice = overlap / (sum(q * q for q in p) + sum(g * g for g in goal) + 1)
    expected = RECALL_WEIGHT * softplus(0.0) + 2 * (entropy / 3 + 1 - dice)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_nothing_left_at_the_end() -> None:
    """An intact head whose every voxel is pruned: the levels alone count."""
    final = SparseTensor(torch.zeros(0, 1, requires_grad=True), on())
    levels = (level([-2.0], [False]), level([], []))
    loss = occupancy_loss(NetworkOutput(final, levels), on(), torch.zeros(0, 1), get_backend())
    assert float(loss.detach()) == pytest.approx(softplus(-2.0))
    loss.backward()


def test_a_target_is_needed() -> None:
    with pytest.raises(ValueError, match="without a target"):
        level_loss([LevelOutput(0, on(1), torch.zeros(1), None)])
