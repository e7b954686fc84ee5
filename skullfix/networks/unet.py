"""The sparse U-Net of Table I and its variants.

Li et al., Sparse Convolutional Neural Networks for Medical Image Analysis, 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from skullfix.networks.config import LEVELS, NetworkConfig
from skullfix.networks.inference import infer, pyramid
from skullfix.sparse.addition import add, add_where_present
from skullfix.sparse.backend import Backend
from skullfix.sparse.layers import (
    GenerativeTransposedConv3d,
    Pointwise,
    SparseBatchNorm,
    StridedConv3d,
    SubmanifoldConv3d,
)
from skullfix.sparse.pruning import prune
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

PRUNING_BIAS = -1.0  # an untrained decoder prunes: keeping all it generates would fill memory
NO_THRESHOLDS = (0.0,) * (LEVELS - 1)


@dataclass(frozen=True, eq=False)
class LevelOutput:
    """What the classifier said at one level of the decoder.

    Attributes:
        level: 5 (coarsest) to 0 (finest).
        voxels: The voxels that it judged.
        logits: (N,) float; kept where above the level's threshold.
        target: (N,) bool, whether the target lies there; None outside training.
    """

    level: int
    voxels: VoxelSet
    logits: Tensor
    target: Tensor | None


@dataclass(frozen=True, eq=False)
class NetworkOutput:
    """Result of a forward pass.

    Attributes:
        final: (N, 1) logits on the voxels that survived; sigmoid gives the probability.
        levels: The classifiers' verdicts, coarsest first; none in inference (see `forward`).
    """

    final: SparseTensor
    levels: tuple[LevelOutput, ...]


class _Normalised(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, convolution: nn.Module, channels: int) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = SparseBatchNorm(channels)

    def forward(self, x: SparseTensor, backend: Backend) -> SparseTensor:
        y = self.convolution(x, backend)
        return y.with_features(torch.relu(self.norm(y.features)))


class _Chain(nn.ModuleList):
    """Several k3 convolutions in a row on one voxel set."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__(
            _Normalised(SubmanifoldConv3d(channels, channels), channels) for _ in range(length)
        )

    def forward(self, x: SparseTensor, backend: Backend) -> SparseTensor:
        for block in self:
            x = block(x, backend)
        return x


class SparseUNet(nn.Module):
    """Encoder, generative decoder with pruning at every level, final 1 x 1 x 1 convolution.

    Args:
        config: Widths and kind of skip connection.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.channels
        self.stem = _Normalised(SubmanifoldConv3d(config.in_channels, width[0]), width[0])
        self.down = nn.ModuleList()
        self.encode = nn.ModuleList()
        for fine, coarse in pairwise(width):
            self.down.append(_Normalised(StridedConv3d(fine, coarse), coarse))
            self.encode.append(_Normalised(SubmanifoldConv3d(coarse, coarse), coarse))
        self.up = nn.ModuleList()
        self.decode = nn.ModuleList()
        self.classify = nn.ModuleList()
        for level in reversed(range(LEVELS - 1)):
            kernel = 4 if level == LEVELS - 2 else 2
            c_in, c_out = width[level + 1], width[level]
            self.up.append(_Normalised(GenerativeTransposedConv3d(c_in, c_out, kernel), c_out))
            self.decode.append(_Chain(c_out, config.decode_blocks))
            classifier = Pointwise(c_out, 1)
            nn.init.constant_(classifier.bias, PRUNING_BIAS)
            self.classify.append(classifier)
        self.final = Pointwise(width[0], 1)

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return self.final.weight.device

    def forward(
        self,
        x: SparseTensor,
        backend: Backend,
        *,
        target: VoxelSet | None = None,
        thresholds: Sequence[float] = NO_THRESHOLDS,
    ) -> NetworkOutput:
        """Complete a batch.

        In eval mode and without gradients (``torch.inference_mode()`` or ``no_grad()``) this is
        `infer`: the same values to rounding, in less time and memory, without the verdicts.

        Args:
            x: (N, in_channels) on the input voxels.
            backend: The engine.
            target: In training, the voxels of the truth at the finest level: they are never
                pruned, and every level is told which of its voxels hold some.
            thresholds: Logit above which a voxel is kept, coarsest level (5) first; the paper's
                is 0 everywhere.

        Raises:
            MemoryLimitError: The decoder would pass its cap on generated voxels.
        """
        if not (self.training or torch.is_grad_enabled()):
            return NetworkOutput(infer(self, x, backend, target, thresholds), ())
        targets = pyramid(target, backend, LEVELS - 1)
        skips = [self.stem(x, backend)]
        for down, encode in zip(self.down, self.encode, strict=True):
            skips.append(encode(down(skips[-1], backend), backend))
        y = skips.pop()
        verdicts = []
        for step, (up, decode, classify) in enumerate(
            zip(self.up, self.decode, self.classify, strict=True)
        ):
            level = LEVELS - 2 - step
            y, skip = up(y, backend), skips.pop()
            if self.config.skip == "inner":
                y = decode(add_where_present(y, skip, backend), backend)
            else:
                y = add(decode(y, backend), skip, backend)
            logits = classify(y.features)[:, 0]
            keep, wanted = logits > thresholds[step], None
            if targets:
                wanted = backend.find(y.voxels, targets[level]) >= 0
                keep = keep | wanted
            verdicts.append(LevelOutput(level, y.voxels, logits, wanted))
            y = prune(y, keep)
        return NetworkOutput(y.with_features(self.final(y.features)), tuple(verdicts))
