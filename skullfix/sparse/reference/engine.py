"""The reference implementation: sorted keys, binary search, one matrix product a tap."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from skullfix.sparse.addition import add_where_present
from skullfix.sparse.backend import check_cap, check_children, check_volumes
from skullfix.sparse.relation import SAME, Relation
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import COORDINATE_LIMIT, VoxelSet, encode


class ReferenceBackend:
    """Every operation by sorting and searching; the fallback everywhere."""

    name = "reference"

    def downsample(self, voxels: VoxelSet) -> VoxelSet:
        """See `Backend.downsample`."""
        coarse = voxels.coordinates.clone()
        coarse[:, 1:] >>= 1
        return VoxelSet.from_keys(torch.unique(encode(coarse)), voxels.batch_size)

    def generate(self, voxels: VoxelSet, relation: Relation, cap: int) -> VoxelSet:
        """See `Backend.generate`."""
        check_children(voxels, relation, cap)
        keys = [voxels.keys.new_empty(0)]
        for tap in itertools.product(range(relation.width), repeat=3):
            children = voxels.coordinates.clone()
            children[:, 1:] = children[:, 1:] * 2 + children.new_tensor(tap)
            keys.append(encode(children))
            if relation.width != 2:  # children overlap: merge as they come
                keys = [torch.unique(torch.cat(keys))]
                check_cap(len(keys[0]), cap)
        return VoxelSet.from_keys(torch.unique(torch.cat(keys)), voxels.batch_size)

    def join(self, first: VoxelSet, second: VoxelSet) -> VoxelSet:
        """See `Backend.join`."""
        return self.union(first, second)[0]

    def union(self, first: VoxelSet, second: VoxelSet) -> tuple[VoxelSet, Tensor, Tensor]:
        """See `Backend.union`."""
        keys, rows = torch.unique(torch.cat([first.keys, second.keys]), return_inverse=True)
        merged = VoxelSet.from_keys(keys, max(first.batch_size, second.batch_size))
        return merged, rows[: len(first)], rows[len(first) :]

    def find(self, voxels: VoxelSet, within: VoxelSet) -> Tensor:
        """See `Backend.find`."""
        return _search(voxels.keys, within)

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
        out = features.new_zeros(len(target), weight.shape[2])
        for tap, digits in enumerate(itertools.product(range(relation.width), repeat=3)):
            rows = _source_rows(source, target, relation, digits)
            seen = rows >= 0
            out = out.index_add(0, seen.nonzero()[:, 0], features[rows[seen]] @ weight[tap])
        return out

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
        y = torch.relu(self.convolve(features, weight, source, target, relation) + bias)
        if relation == SAME and source is not target:
            y = y * (self.find(target, source) >= 0)[:, None]
        if added is not None:
            y = add_where_present(SparseTensor(y, target), added, self).features
        scores = y.new_empty(len(y), 0) if heads is None else y @ heads[:, :-1].T + heads[:, -1]
        return y if keep else y[:0], scores


def _source_rows(
    source: VoxelSet, target: VoxelSet, relation: Relation, digits: tuple[int, ...]
) -> Tensor:
    """Row in `source` that each target sees through one tap, (N_target,) int64, -1 for none."""
    batch, place = target.coordinates[:, :1].long(), target.coordinates[:, 1:].long()
    scaled = place * relation.scale + relation.sign * place.new_tensor(digits) + relation.shift
    there = torch.div(scaled, relation.divisor, rounding_mode="floor")
    legal = (there >= 0) & (there < COORDINATE_LIMIT)
    whole = (legal & (there * relation.divisor == scaled)).all(1)
    rows = _search(encode(torch.cat([batch, there.clamp(0, COORDINATE_LIMIT - 1)], 1)), source)
    return torch.where(whole, rows, -1)


def _search(keys: Tensor, within: VoxelSet) -> Tensor:
    """Row of each key in a set, (N,) int64, -1 where it is not there."""
    if not len(within):
        return torch.full_like(keys, -1)
    rows = torch.searchsorted(within.keys, keys).clamp_(max=len(within) - 1)
    return torch.where(within.keys[rows] == keys, rows, -1)
