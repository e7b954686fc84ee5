"""The `cuda` implementation: bitmaps and one Triton kernel for each direction of a convolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skullfix.sparse.backend import check_volumes
from skullfix.sparse.cuda import sets, sight
from skullfix.sparse.cuda.convolve import Epilogue, convolve
from skullfix.sparse.cuda.gradient import weight_gradient
from skullfix.sparse.relation import SAME, Relation
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

OPERANDS: dict[str, torch.dtype | None] = {
    "cuda": None,
    "cuda-bf16": torch.bfloat16,
    "cuda-fp16": torch.float16,
}


class CudaBackend:
    """See the module's docstring, and those of `bitmap`, `sets`, `convolve` and `gradient`.

    Args:
        name: ``cuda`` multiplies what it is given. ``cuda-bf16`` and ``cuda-fp16`` round the
            operands of the products, and in inference the features between two layers; sums stay
            float32. float16 ends at 65,504 and loses small gradients: to train, take bfloat16.
    """

    def __init__(self, name: str = "cuda") -> None:
        self.name: str = name
        self.operands = OPERANDS[name]

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
        return sight.find(voxels, within)

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
        return _Convolution.apply(features, weight, source, target, relation, self.operands)  # type: ignore[no-untyped-call]

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
        operands = self.operands or features.dtype
        if heads is None:
            heads = weight.new_empty(0, weight.shape[2] + 1)
        return convolve(
            features.detach().to(operands),
            weight.detach().to(operands),
            source,
            target,
            relation,
            Epilogue(bias.detach(), heads.detach(), added, keep),
            operands,
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
        operands: torch.dtype | None,
    ) -> Tensor:
        rounded = features.to(operands or features.dtype), weight.to(operands or weight.dtype)
        ctx.save_for_backward(*rounded)
        ctx.facts = (source, target, relation, features.dtype, weight.dtype)
        return convolve(*rounded, source, target, relation, out_type=features.dtype)[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        features, weight = ctx.saved_tensors
        source, target, relation, features_type, weight_type = ctx.facts
        grad = grad.to(features.dtype).contiguous()
        grad_features = grad_weight = None
        if ctx.needs_input_grad[0]:
            back, reverse = weight.transpose(1, 2), relation.reverse()
            if relation == SAME:  # its reverse is SAME with the taps in the other order
                back, reverse = back.flip(0), SAME
            grad_features, _ = convolve(grad, back, target, source, reverse, out_type=features_type)
        if ctx.needs_input_grad[1]:
            grad_weight = weight_gradient(features, grad, source, target, relation).to(weight_type)
        return grad_features, grad_weight, None, None, None, None
