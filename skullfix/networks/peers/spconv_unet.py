"""Table I on spconv, with random weights: for the benchmark."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import spconv.pytorch as spconv
import torch
from spconv.pytorch import ops
from torch import Tensor, nn

from skullfix.networks.config import LEVELS, NetworkConfig

if not torch.cuda.is_available():  # its gradients ask for a CUDA stream, on a processor too
    ops.get_current_stream = lambda: 0

_BITS = 12  # of a coordinate in a key: grids up to 4096


class SpconvUNet(nn.Module):
    """Encoder and generative decoder as in `SparseUNet`, union skips.

    spconv's k4 transposed convolution is centred, its children are 2p + {-1 … 2}: as many as ours,
    elsewhere. The decoder keeps the target's voxels and no other.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.channels
        self.stem = _block(spconv.SubMConv3d(config.in_channels, width[0], 3, bias=False))
        self.down, self.encode = nn.ModuleList(), nn.ModuleList()
        self.up, self.decode, self.classify = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for fine, coarse in pairwise(width):
            self.down.append(_block(spconv.SparseConv3d(fine, coarse, 2, 2, bias=False)))
            self.encode.append(_block(spconv.SubMConv3d(coarse, coarse, 3, bias=False)))
        for level in reversed(range(LEVELS - 1)):
            size, padding = (4, 1) if level == LEVELS - 2 else (2, 0)
            fine, coarse = width[level], width[level + 1]
            transposed = spconv.SparseConvTranspose3d(coarse, fine, size, 2, padding, bias=False)
            self.up.append(_block(transposed))
            self.decode.append(_block(spconv.SubMConv3d(fine, fine, 3, bias=False)))
            self.classify.append(nn.Linear(fine, 1))
        self.final = nn.Linear(width[0], 1)

    def forward(
        self, rows: Tensor, features: Tensor, target: Tensor
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Rows (N, 4) int32 and features (N, C); gives logits, and each level's with its target."""
        edge = 1 << (LEVELS - 1)
        size = [int(n) // edge * edge + edge for n in rows[:, 1:].amax(0)]
        x = self.stem(spconv.SparseConvTensor(features, rows, size, int(rows[:, 0].max()) + 1))
        skips, wanted = [x], [_keys(target)]
        for down, encode in zip(self.down, self.encode, strict=True):
            skips.append(encode(down(skips[-1])))
            coarse = target.clone()
            coarse[:, 1:] >>= len(wanted)
            wanted.append(torch.unique(_keys(coarse)))
        y, levels = skips.pop(), []
        for step, (up, decode) in enumerate(zip(self.up, self.decode, strict=True)):
            y = _add(decode(up(y)), skips.pop())
            mine = torch.isin(_keys(y.indices), wanted[LEVELS - 2 - step])
            levels.append((self.classify[step](y.features)[:, 0], mine))
            y = _with(y, y.features[mine], y.indices[mine])
        return self.final(y.features), levels


def _block(convolution: Any) -> Any:
    """Convolution, batch norm, ReLU."""
    norm = nn.BatchNorm1d(convolution.out_channels)
    return spconv.SparseSequential(convolution, norm, nn.ReLU())


def _keys(rows: Tensor) -> Tensor:
    """(N, 4) rows to (N,) int64."""
    batch, z, y, x = rows.long().unbind(1)
    return ((batch << _BITS | z) << _BITS | y) << _BITS | x


def _add(first: Any, second: Any) -> Any:
    """Sum over the union of both sets."""
    both = torch.cat([_keys(first.indices), _keys(second.indices)])
    keys, place = torch.unique(both, return_inverse=True)
    total = first.features.new_zeros(len(keys), first.features.shape[1])
    total = total.index_add(0, place, torch.cat([first.features, second.features]))
    mask = (1 << _BITS) - 1
    rows = torch.stack([keys >> 3 * _BITS, *(keys >> s * _BITS & mask for s in (2, 1, 0))], 1)
    return _with(first, total, rows.int())


def _with(like: Any, features: Tensor, rows: Tensor) -> Any:
    """Make a tensor on the grid of another."""
    return spconv.SparseConvTensor(features, rows, like.spatial_shape, like.batch_size)
