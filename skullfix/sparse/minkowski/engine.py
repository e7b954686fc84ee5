"""The `minkowski` implementation: MinkowskiEngine's convolutions on our voxel sets.

Sets are made and joined as in `reference`; the convolutions, forward and backward, are those of the
paper's engine. It wants both sets in one coordinate manager, coarse ones in units of the fine grid:

    relation    source at     target at      its layer
    SAME        stride 1      stride 1       convolution k3
    DOWN        stride 1      stride 2       convolution k2 s2
    UP2, UP4    stride 2      stride 1       transposed convolution k2 s2, k4 s2

Its columns are (batch, x, y, z), so that its kernels, the first column fastest, have our tap order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skullfix.sparse.backend import check_volumes
from skullfix.sparse.minkowski.package import ME, ConvolutionMode
from skullfix.sparse.reference.engine import ReferenceBackend
from skullfix.sparse.relation import DOWN, SAME, UP2, UP4, Relation
from skullfix.sparse.voxels import VoxelSet


class MinkowskiBackend(ReferenceBackend):
    """See the module's docstring."""

    name = "minkowski"

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
        if relation not in (SAME, DOWN, UP2, UP4) or not len(source) or not len(target):
            return super().convolve(features, weight, source, target, relation)
        manager = ME.CoordinateManager(D=3)
        key = _insert(manager, source, relation.divisor, "source")
        other = key if source is target else _insert(manager, target, relation.scale, "target")
        rule = ME.KernelGenerator(
            kernel_size=relation.width, stride=max(relation.scale, relation.divisor), dimension=3
        )
        up = relation.divisor == 2
        layer = ME.MinkowskiConvolutionTransposeFunction if up else ME.MinkowskiConvolutionFunction
        values, kernel = features.contiguous(), weight.contiguous()
        found: Tensor = layer.apply(
            values, kernel, rule, ConvolutionMode.DEFAULT, key, other, manager
        )
        return found


def _insert(manager: Any, voxels: VoxelSet, stride: int, name: str) -> Any:
    """Make a set known to a manager; its rows keep their order."""
    rows = voxels.coordinates[:, [0, 3, 2, 1]].contiguous()
    rows[:, 1:] *= stride
    key, (order, _) = manager.insert_and_map(rows, stride, name)
    if len(order) and not torch.equal(order.long(), torch.arange(len(rows))):
        raise RuntimeError("MinkowskiEngine put the voxels into another order")
    return key
