"""The layers of a sparse network as torch modules; their weights live here, not in a backend."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from skullfix.sparse.backend import DEFAULT_VOXEL_CAP, Backend
from skullfix.sparse.relation import DOWN, SAME, UP2, UP4, Relation
from skullfix.sparse.tensor import SparseTensor


class _Convolution(nn.Module):
    """Weight (taps, C_in, C_out), no bias, initialised as torch initialises dense ones."""

    def __init__(self, c_in: int, c_out: int, relation: Relation) -> None:
        super().__init__()
        self.relation = relation
        self.weight = nn.Parameter(torch.empty(relation.taps, c_in, c_out))
        bound = 1 / math.sqrt(c_in * min(relation.taps, 27))
        nn.init.uniform_(self.weight, -bound, bound)


class SubmanifoldConv3d(_Convolution):
    """3 x 3 x 3 convolution whose output voxels are its input voxels (Graham 2018)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, SAME)

    def forward(self, x: SparseTensor, backend: Backend) -> SparseTensor:
        """(N, C_in) on a set to (N, C_out) on the same set."""
        features = backend.convolve(x.features, self.weight, x.voxels, x.voxels, self.relation)
        return x.with_features(features)


class StridedConv3d(_Convolution):
    """2 x 2 x 2 convolution with stride 2: one coarse voxel for every non-empty 2 x 2 x 2 block."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, DOWN)

    def forward(self, x: SparseTensor, backend: Backend) -> SparseTensor:
        """(N, C_in) to (M, C_out) on the halved coordinates."""
        coarse = backend.downsample(x.voxels)
        features = backend.convolve(x.features, self.weight, x.voxels, coarse, self.relation)
        return SparseTensor(features, coarse)


class GenerativeTransposedConv3d(_Convolution):
    """Transposed convolution with stride 2 that creates every voxel it reaches (Gwak 2020).

    Args:
        c_in: Input channels.
        c_out: Output channels.
        kernel: 2 (children 2p + {0, 1}) or 4 (children 2p + {0, 1, 2, 3}, not centred).
        cap: Most voxels to generate, see `Backend.generate`.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, cap: int = DEFAULT_VOXEL_CAP) -> None:
        super().__init__(c_in, c_out, {2: UP2, 4: UP4}[kernel])
        self.cap = cap

    def forward(self, x: SparseTensor, backend: Backend) -> SparseTensor:
        """(N, C_in) to (M, C_out) on all children."""
        fine = backend.generate(x.voxels, self.relation, self.cap)
        features = backend.convolve(x.features, self.weight, x.voxels, fine, self.relation)
        return SparseTensor(features, fine)


class SparseBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over all voxels of the batch.

    Fewer than two voxels have no statistics: then the running ones are used, in training too,
    and they are left as they are.

    Attributes:
        total: Sums a tensor over the processes that share a step; None in one process alone.
    """

    total: Callable[[Tensor], Tensor] | None = None

    def forward(self, input: Tensor) -> Tensor:
        """(N, C) to (N, C)."""
        if self.training and self.total is not None:
            return self._shared(input, self.total)
        if len(input) >= 2 or not self.training:
            return super().forward(input)
        return self._kept(input)

    def _kept(self, input: Tensor) -> Tensor:
        """Normalise by the running statistics, which stay as they are."""
        return nn.functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )

    def _shared(self, input: Tensor, total: Callable[[Tensor], Tensor]) -> Tensor:
        """Normalise by the statistics of all processes together."""
        wide = input.double()
        count = torch.full((1,), float(len(input)), dtype=torch.float64)
        sums = total(torch.cat([wide.sum(0), (wide * wide).sum(0), count]))
        number = sums[-1].detach()
        if number < 2:
            return self._kept(input)
        mean, square = (sums[:-1] / number).chunk(2)
        variance = (square - mean * mean).clamp(min=0)
        if self.running_mean is not None and self.running_var is not None:
            with torch.no_grad():
                rate = self.momentum if self.momentum is not None else 0.1
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), rate)
                unbiased = variance * number / (number - 1)
                self.running_var.lerp_(unbiased.to(self.running_var.dtype), rate)
        scale = self.weight.double() * torch.rsqrt(variance + self.eps)
        return ((wide - mean) * scale + self.bias.double()).to(input.dtype)


class Pointwise(nn.Linear):
    """1 x 1 x 1 convolution with bias: the same linear map at every voxel."""
