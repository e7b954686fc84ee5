"""The `cpu` implementation: voxel sets through bitmaps, convolutions in registers, tile by tile."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skullfix.sparse.backend import check_volumes
from skullfix.sparse.cpu import sets
from skullfix.sparse.cpu.bitmap import find_rows
from skullfix.sparse.cpu.convolve import convolve, sight, weight_gradient
from skullfix.sparse.cpu.crew import share
from skullfix.sparse.cpu.fused import convolve_fused
from skullfix.sparse.relation import SAME, Relation
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet


class CpuBackend:
    """See the module's docstring, and those of `bitmap`, `table`, `product` and `convolve`."""

    name = "cpu"

    def downsample(self, voxels: VoxelSet) -> VoxelSet:
        """See `Backend.downsample`."""
        return sets.parents(voxels)

    def generate(self, voxels: VoxelSet, relation: Relation, cap: int) -> VoxelSet:
        """See `Backend.generate`."""
        return sets.children(voxels, relation, cap)

    def join(self, first: VoxelSet, second: VoxelSet) -> VoxelSet:
        """See `Backend.join`."""
        return sets.join(first, second)

    def union(self, first: VoxelSet, second: VoxelSet) -> tuple[VoxelSet, Tensor, Tensor]:
        """See `Backend.union`."""
        merged = sets.join(first, second)
        return merged, self.find(first, merged), self.find(second, merged)

    def find(self, voxels: VoxelSet, within: VoxelSet) -> Tensor:
        """See `Backend.find`."""
        rows, index = voxels.coordinates.numpy(), sets.bitmap_of(within)
        return torch.from_numpy(share(len(rows), find_rows, rows, *index.arrays()))

    def convolve(
        self,
        features: Tensor,
        weight: Tensor,
        source: VoxelSet,
        target: VoxelSet,
        relation: Relation,
    ) -> Tensor:
        """See `Backend.convolve`."""
        check_volumes(source, target)
        return _Convolution.apply(features, weight, source, target, relation)  # type: ignore[no-untyped-call]

    def fused(
        self,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        source: VoxelSet,
        target: VoxelSet,
        relation: Relation,
        *,
        added: SparseTensor | None = None,
        heads: Tensor | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """See `Backend.fused`."""
        check_volumes(source, target)
        return convolve_fused(
            sight(features, source, target, relation),
            weight.detach(),
            bias.detach(),
            joined=relation == SAME and source is not target,
            added=added,
            heads=weight.new_empty(0, weight.shape[2] + 1) if heads is None else heads.detach(),
            keep=keep,
        )


class _Convolution(torch.autograd.Function):
    """A source row's gradient is the convolution by which it sees the targets that saw it."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        source: VoxelSet,
        target: VoxelSet,
        relation: Relation,
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.sets = (source, target, relation)
        return convolve(sight(features, source, target, relation), weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        features, weight = ctx.saved_tensors
        source, target, relation = ctx.sets
        grad_features = grad_weight = None
        if ctx.needs_input_grad[0]:
            back, reverse = weight.transpose(1, 2), relation.reverse()
            if relation == SAME:  # its reverse is SAME with the taps in the other order
                back, reverse = back.flip(0), SAME
            grad_features = convolve(sight(grad, target, source, reverse), back)
        if ctx.needs_input_grad[1]:
            grad_weight = weight_gradient(sight(features, source, target, relation), grad)
        return grad_features, grad_weight, None, None, None
