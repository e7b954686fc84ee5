"""Table I on MinkowskiEngine, with the authors' names and layout of weights.

`skullfix.networks.minkowski_names` turns its state dict into one of `SparseUNet`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from skullfix.networks.config import LEVELS, NetworkConfig
from skullfix.sparse.minkowski.package import ME


class MinkowskiUNet(nn.Module):
    """Encoder, generative decoder with pruning, union skips: the paper's network."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.channels
        self.enc_block_s1 = nn.Sequential(*_conv(config.in_channels, width[0], 3, 1))
        for level, (fine, coarse) in enumerate(pairwise(width)):
            layers = _conv(fine, coarse, 2, 2) + _conv(coarse, coarse, 3, 1)
            setattr(self, f"enc_block_s{1 << level}s{2 << level}", nn.Sequential(*layers))
        for level in reversed(range(LEVELS - 1)):
            size = 4 if level == LEVELS - 2 else 2
            fine, coarse = width[level], width[level + 1]
            up = ME.MinkowskiGenerativeConvolutionTranspose(
                coarse, fine, kernel_size=size, stride=2, bias=False, dimension=3
            )
            layers = [up, ME.MinkowskiBatchNorm(fine), ME.MinkowskiReLU()]
            layers += _conv(fine, fine, 3, 1)
            setattr(self, f"dec_block_s{2 << level}s{1 << level}", nn.Sequential(*layers))
            setattr(self, f"dec_s{1 << level}_cls", _pointwise(fine))
        self.final_out = nn.Sequential(_pointwise(width[0]), ME.MinkowskiSigmoid())
        self.prune = ME.MinkowskiPruning()

    def forward(
        self, rows: Tensor, features: Tensor, target: Tensor | None, threshold: float | None = None
    ) -> tuple[Any, list[tuple[Tensor, Tensor]]]:
        """Complete a batch.

        Args:
            rows: (N, 4) int32 (batch, z, y, x).
            features: (N, C).
            target: (M, 4) int32 rows that are never pruned; None for none.
            threshold: Logit above which a voxel is kept; None keeps the target's alone.

        Returns:
            The logits of the voxels that are left, (K, 1), and every level's logits with its
            target. `kept` then holds the rows of the voxels that are left, (K, 4).
        """
        x = self.enc_block_s1(ME.SparseTensor(features, coordinates=_swapped(rows)))
        key = None
        if target is not None:
            key, _ = x.coordinate_manager.insert_and_map(_swapped(target), string_id="target")
        skips = [x]
        for level in range(LEVELS - 1):
            skips.append(getattr(self, f"enc_block_s{1 << level}s{2 << level}")(skips[-1]))
        y, levels = skips.pop(), []
        for level in reversed(range(LEVELS - 1)):
            y = getattr(self, f"dec_block_s{2 << level}s{1 << level}")(y) + skips.pop()
            logits = getattr(self, f"dec_s{1 << level}_cls")(y).F[:, 0]
            wanted = _wanted(y, key)
            levels.append((logits, wanted))
            y = self.prune(y, wanted if threshold is None else wanted | (logits > threshold))
        self.kept = _swapped(y.C)
        return self.final_out[0](y).F, levels


def _conv(c_in: int, c_out: int, size: int, stride: int) -> list[nn.Module]:
    """Convolution, batch norm, ReLU."""
    convolution = ME.MinkowskiConvolution(
        c_in, c_out, kernel_size=size, stride=stride, bias=False, dimension=3
    )
    return [convolution, ME.MinkowskiBatchNorm(c_out), ME.MinkowskiReLU()]


def _pointwise(c_in: int) -> nn.Module:
    convolution: nn.Module = ME.MinkowskiConvolution(c_in, 1, kernel_size=1, bias=True, dimension=3)
    return convolution


def _wanted(y: Any, key: Any) -> Tensor:
    """Whether each voxel holds some of the target, (N,) bool."""
    found = torch.zeros(len(y), dtype=torch.bool)
    if key is not None:
        manager = y.coordinate_manager
        strided = manager.stride(key, y.tensor_stride[0])
        pairs = manager.kernel_map(y.coordinate_map_key, strided, kernel_size=1, region_type=1)
        for pair in pairs.values():
            found[pair[0].long()] = True
    return found


def _swapped(rows: Tensor) -> Tensor:
    """(batch, z, y, x) to (batch, x, y, z), MinkowskiEngine's x being the fastest, and back."""
    return rows[:, [0, 3, 2, 1]].int().contiguous()
