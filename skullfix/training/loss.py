"""The training loss: means over all voxels of all processes that share a step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from skullfix.networks.unet import LevelOutput, NetworkOutput
from skullfix.sparse.backend import Backend
from skullfix.sparse.voxels import VoxelSet
from skullfix.training.distributed import mean, total

_entropies = partial(binary_cross_entropy_with_logits, reduction="none")
RECALL_WEIGHT = 2.0  # a voxel lost at a coarse level is lost for good


def level_loss(levels: Sequence[LevelOutput], recall_weight: float = 1.0) -> Tensor:
    """Sum over the decoder's levels of binary cross-entropy (the paper's equation 12).

    Args:
        levels: The classifiers' verdicts with their targets.
        recall_weight: Weight of the voxels that hold some target; the paper's is 1.
    """
    losses = []
    for level in levels:
        if level.target is None:
            raise ValueError("the network was run without a target")
        weight = level.logits.new_tensor(recall_weight)
        truth = level.target.to(level.logits.dtype)
        losses.append(mean(_entropies(level.logits, truth, pos_weight=weight)))
    return torch.stack(losses).sum()


def occupancy_loss(
    output: NetworkOutput, wanted: VoxelSet, truth: Tensor, backend: Backend
) -> Tensor:
    """Loss of a network that answers with occupancies, of an implant or of a whole fine shape.

    The levels' cross-entropy steers the decoder towards the shape; at the finest level the
    occupancy itself is the target, by cross-entropy and soft Dice (Milletari et al. 2016), the
    latter over all volumes together: a Dice for each makes so much of small pieces that openings
    of the face are taken for some.

    Args:
        output: Of a forward pass with ``target=wanted``.
        wanted: Voxels on which the truth is given; elsewhere it is 0.
        truth: (M, 1) occupancy 0 to 1.
        backend: The engine.
    """
    rows = backend.find(output.final.voxels, wanted)
    padded = torch.cat([truth, truth.new_zeros(1, 1)])  # row -1, for voxels without truth
    goal = padded[rows]
    logits = output.final.features
    probability = torch.sigmoid(logits)
    sums = total(torch.stack([(probability * goal).sum(), (probability**2).sum(), (goal**2).sum()]))
    dice = (2 * sums[0] + 1) / (sums[1] + sums[2] + 1)
    final = mean(_entropies(logits, goal)) + (1 - dice)
    return level_loss(output.levels, RECALL_WEIGHT) + 2 * final
