"""The `cpu` implementation: voxel sets through bitmaps, convolutions in registers, tile by tile."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from skullfix.sparse.backend import check_volumes
from skullfix.sparse.cpu import sets
from skullfix.sparse.cpu.bitmap import find_rows
from skullfix.sparse.cpu.convolve import convolve, sight, weight_gradient
from skullfix.sparse.relation import SAME, Relation
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

    def union(self, first: VoxelSet, second: VoxelSet) -> tuple[VoxelSet, Tensor, Tensor]:
        """See `Backend.union`."""
        merged = sets.union(first, second)
        return merged, self.find(first, merged), self.find(second, merged)

    def find(self, voxels: VoxelSet, within: VoxelSet) -> Tensor:
        """See `Backend.find`."""
        return torch.from_numpy(
            find_rows(voxels.coordinates.numpy(), *sets.bitmap_of(within).arrays())
        )

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


class _Convolution(torch.autograd.Function):
    """A source row's gradient is the convolution by which it sees the targets that saw it."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        features: Tensor,
        weight: Tensor,
        source: VoxelSet,
        target: VoxelSet,
        relation: Relation,
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.sets = (source, target, relation)  # type: ignore[attr-defined]
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
