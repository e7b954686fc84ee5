"""`SparseUNet` in use: the mathematics of its forward pass in eval mode, with less work.

- Batch norm with fixed statistics is a scale and a shift a channel: they go into the weights.
- The last convolution of a level, the skip and the classifier are one pass (`Backend.fused`); at
  the finest level the answer is a second head of it, and the level's features are never stored.
- A level of the encoder is freed as soon as the decoder has used it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from skullfix.sparse.backend import Backend
from skullfix.sparse.pruning import prune
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

if TYPE_CHECKING:
    from skullfix.networks.unet import SparseUNet


def infer(
    network: SparseUNet,
    x: SparseTensor,
    backend: Backend,
    target: VoxelSet | None,
    thresholds: Sequence[float],
) -> SparseTensor:
    """Complete a batch; arguments as of `SparseUNet.forward`, the result is its ``final``."""
    steps = len(network.up)
    targets = pyramid(target, backend, steps)
    skips = [_apply(network.stem, x, x.voxels, backend)[0]]
    for down, encode in zip(network.down, network.encode, strict=True):
        coarse = backend.downsample(skips[-1].voxels)
        y, _ = _apply(down, skips[-1], coarse, backend)
        skips.append(_apply(encode, y, coarse, backend)[0])
    y = skips.pop()
    for step, (up, decode, classify) in enumerate(
        zip(network.up, network.decode, network.classify, strict=True)
    ):
        skip, inner, last = skips.pop(), network.config.skip == "inner", step == steps - 1
        growth: Any = up.convolution
        fine = backend.generate(y.voxels, growth.relation, growth.cap)
        y, _ = _apply(up, y, fine, backend, added=skip if inner else None)
        heads = _heads(classify, network.final) if last else _heads(classify)
        blocks = list(decode.children())
        for block in blocks[:-1]:
            y, _ = _apply(block, y, fine, backend)
        if not inner:
            fine = backend.join(fine, skip.voxels)
        y, scores = _apply(
            blocks[-1], y, fine, backend, None if inner else skip, heads, keep=not last
        )
        del skip
        keep = scores[:, 0] > thresholds[step]
        if targets:
            keep |= backend.find(fine, targets.pop()) >= 0
        y = prune(SparseTensor(scores[:, 1:] if last else y.features, fine), keep)
    return y


def pyramid(target: VoxelSet | None, backend: Backend, levels: int) -> list[VoxelSet]:
    """Find the target's voxels at every level of the decoder, finest first; none without one."""
    if target is None:
        return []
    found = [target]
    while len(found) < levels:
        found.append(backend.downsample(found[-1]))
    return found


def _apply(
    layer: Any,
    x: SparseTensor,
    target: VoxelSet,
    backend: Backend,
    added: SparseTensor | None = None,
    heads: Tensor | None = None,
    *,
    keep: bool = True,
) -> tuple[SparseTensor, Tensor]:
    """Run convolution, batch norm and ReLU as one; see `Backend.fused`."""
    norm, convolution = layer.norm, layer.convolution
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    features, scores = backend.fused(
        x.features,
        convolution.weight * scale,
        norm.bias - norm.running_mean * scale,
        x.voxels,
        target,
        convolution.relation,
        added=added,
        heads=heads,
        keep=keep,
    )
    return SparseTensor(features, target) if keep else x, scores


def _heads(*layers: Any) -> Tensor:
    """Stack 1 x 1 x 1 convolutions to one output: (H, C + 1), the biases last."""
    return torch.stack([torch.cat([layer.weight[0], layer.bias]) for layer in layers])
