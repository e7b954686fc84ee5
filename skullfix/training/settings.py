"""The knobs of a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from skullfix.networks.config import LEVELS


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a run computes; stored with it and checked on resume.

    Attributes:
        architecture: A name in `skullfix.networks.config.CONFIGS`.
        spacing: Voxel spacing of the network's grid, mm.
        factors: For super-resolution: fine voxels a coarse one, one of them for each sample.
        steps: Optimiser steps in all.
        batch: Volumes a step.
        rate: Peak learning rate.
        seed: Of weights, samples and validation defects.
        average: Decay of the moving average of the weights that is validated and released.
        start: sha256 of the checkpoint whose weights the run begins with; empty for random ones.
        freeze_from: Part of the run after which batch norm uses its running statistics, so that
            the network ends its training in the state in which it will be used. The rate is
            constant before and falls to nothing after it, so that a run can be made longer as
            long as that part has not begun.
        prune_below: Logit below which a voxel that holds none of the truth is pruned at every
            level. The paper's is 0. A lower one leaves doubtful voxels to the finer levels, which
            learn to judge them; the network is then used with the same thresholds.
        blend: Share of the weights that the run began with in those that are validated and
            released, see `blend`.
        morph: For completion: share of the heads whose shape is between several of the
            population.
        near_from: For completion: part of the run after which heads are deformed less, so that a
            network that has learnt from all kinds ends with those most like people's.
    """

    architecture: str = "implant-s"
    spacing: float = 1.8
    steps: int = 10_000
    batch: int = 4
    rate: float = 2e-3
    seed: int = 0
    average: float = 0.998
    start: str = ""
    freeze_from: float = 0.75
    factors: tuple[int, ...] = ()
    morph: float = 0.0
    prune_below: float = 0.0
    blend: float = 0.0
    near_from: float = 1.0

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Pruning threshold of each level."""
        return (self.prune_below,) * (LEVELS - 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the run's file and the card."""
        return {**asdict(self), "factors": list(self.factors)}
