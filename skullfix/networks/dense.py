"""The dense twin: the network of a configuration with dense convolutions.

The same layers, names and numbers of parameters as `SparseUNet`; every kernel (taps, C_in, C_out)
becomes (C_out, C_in, k, k, k), transposed ones (C_in, C_out, k, k, k). It runs in two ways:

- plain (``occupied`` not given): an ordinary dense U-Net, the paper's comparison. It computes every
  cell. Away from zero input its values differ from the sparse network's, because a submanifold
  convolution neither reads nor writes empty cells, while here batch norm and ReLU make empty
  cells non-zero after the first layer; and nothing is pruned.
- masked (``occupied`` given): after every layer the cells that the sparse network would not have
  are set to zero, and the classifiers prune. In eval mode this is the sparse network's mathematics,
  value by value, on every voxel that it keeps. In training mode it is not: batch norm then takes
  its statistics over all cells, the sparse one over its voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool3d, pad

from skullfix.networks.config import LEVELS, NetworkConfig
from skullfix.networks.unet import NO_THRESHOLDS, SparseUNet

COARSEST = 1 << (LEVELS - 1)  # cells of the input along a cell of the coarsest level


@dataclass(frozen=True, eq=False)
class DenseOutput:
    """Result of a forward pass.

    Attributes:
        logits: (B, 1, z, y, x) on the input's grid; zero where masked away.
        kept: (B, z, y, x) bool, the sparse network's voxels; None in the plain mode.
    """

    logits: Tensor
    kept: Tensor | None


class _Normalised(nn.Module):
    """Convolution, batch normalisation, ReLU, mask."""

    def __init__(self, convolution: nn.Module, channels: int) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        y = torch.relu(self.norm(self.convolution(x)))
        # An uncentred k4 leaves the grid; `_padded` made room for the children that exist.
        return y if mask is None else _first(y, mask.shape[2:]) * mask


class DenseUNet(nn.Module):
    """See the module's docstring.

    Args:
        config: Widths and kind of skip connection.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.channels
        self.stem = _same(config.in_channels, width[0])
        self.down = nn.ModuleList()
        self.encode = nn.ModuleList()
        for fine, coarse in pairwise(width):
            strided = nn.Conv3d(fine, coarse, 2, 2, bias=False)
            self.down.append(_Normalised(strided, coarse))
            self.encode.append(_same(coarse, coarse))
        self.up = nn.ModuleList()
        self.decode = nn.ModuleList()
        self.classify = nn.ModuleList()
        for level in reversed(range(LEVELS - 1)):
            kernel = _up_width(len(self.up))
            c_in, c_out = width[level + 1], width[level]
            transposed = nn.ConvTranspose3d(c_in, c_out, kernel, 2, bias=False)
            self.up.append(_Normalised(transposed, c_out))
            blocks = [_same(c_out, c_out) for _ in range(config.decode_blocks)]
            self.decode.append(nn.ModuleList(blocks))
            self.classify.append(nn.Conv3d(c_out, 1, 1))
        self.final = nn.Conv3d(width[0], 1, 1)

    def forward(
        self,
        x: Tensor,
        occupied: Tensor | None = None,
        thresholds: Sequence[float] = NO_THRESHOLDS,
    ) -> DenseOutput:
        """Complete a batch.

        Args:
            x: (B, in_channels, z, y, x); zero outside ``occupied`` if that is given.
            occupied: (B, z, y, x) bool, the voxels of the sparse input; asks for the masked mode.
            thresholds: As for `SparseUNet`; used in the masked mode only.
        """
        size = x.shape[2:]
        x = _padded(x, room=occupied is not None)
        mask = None if occupied is None else _padded(occupied[:, None].to(x.dtype), room=True)
        y = self.stem(x, mask)
        skips = [(y, mask)]
        for down, encode in zip(self.down, self.encode, strict=True):
            mask = None if mask is None else max_pool3d(mask, 2)
            y = encode(down(y, mask), mask)
            skips.append((y, mask))
        skips.pop()
        for step, (up, decode, classify) in enumerate(
            zip(self.up, self.decode, self.classify, strict=True)
        ):
            skip, skip_mask = skips.pop()
            mask = None if mask is None else _children(mask, _up_width(step))
            y = _first(up(y, mask), skip.shape[2:])
            if self.config.skip == "inner":
                y = y + (skip if mask is None else skip * mask)
            for block in decode.children():
                y = block(y, mask)
            if self.config.skip == "union":
                y = y + skip
                if mask is not None and skip_mask is not None:
                    mask = torch.maximum(mask, skip_mask)
            if mask is not None:
                mask = mask * (classify(y) > thresholds[step])
                y = y * mask
        logits = self.final(y) if mask is None else self.final(y) * mask
        logits = _first(logits, size)
        return DenseOutput(logits, None if mask is None else _first(mask, size)[:, 0] > 0)


def dense_twin(network: SparseUNet) -> DenseUNet:
    """Make the twin of a sparse network, with its weights, statistics, mode and device."""
    twin = DenseUNet(network.config)
    own = twin.state_dict()
    state = {}
    for name, value in network.state_dict().items():
        if name.endswith("convolution.weight"):
            width = own[name].shape[-1]
            kernel = value.reshape(width, width, width, *value.shape[1:])  # z, y, x, C_in, C_out
            order = (3, 4, 0, 1, 2) if name.startswith("up.") else (4, 3, 0, 1, 2)
            value = kernel.permute(order).contiguous()
        state[name] = value.reshape(own[name].shape)
    twin.load_state_dict(state)
    return twin.train(network.training).to(network.final.weight.device)


def _same(c_in: int, c_out: int) -> _Normalised:
    """Make a k3 block."""
    return _Normalised(nn.Conv3d(c_in, c_out, 3, padding=1, bias=False), c_out)


def _padded(grid: Tensor, *, room: bool) -> Tensor:
    """Extend (B, C, z, y, x) at its far ends to whole coarsest cells, by one more for room."""
    lengths = []
    for n in reversed(grid.shape[2:]):
        lengths += [0, -n % COARSEST + (COARSEST if room else 0)]
    return pad(grid, lengths)


def _up_width(step: int) -> int:
    """Taps along an axis of the decoder's transposed convolutions, coarsest first."""
    return 4 if step == 0 else 2


def _first(grid: Tensor, size: Sequence[int]) -> Tensor:
    """Cut (…, z, y, x) to its first cells along each axis."""
    return grid[..., : size[0], : size[1], : size[2]]


def _children(mask: Tensor, width: int) -> Tensor:
    """Mark the cells 2p + {0 … width - 1} of all marked p, on the doubled grid."""
    fine = mask.repeat_interleave(2, 2).repeat_interleave(2, 3).repeat_interleave(2, 4)
    if width == 2:
        return fine
    for axis in (2, 3, 4):  # and those two further along each axis
        moved = torch.zeros_like(fine)
        count = fine.shape[axis] - 2
        moved.narrow(axis, 2, count).copy_(fine.narrow(axis, 0, count))
        fine = torch.maximum(fine, moved)
    return fine
