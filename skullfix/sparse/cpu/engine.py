"""The `cpu` implementation: voxel sets through bitmaps, convolutions through tiles.

A convolution walks over its output rows tile by tile: the tile's neighbours are gathered into a
buffer that stays in the cache, and one matrix product with the weights does the arithmetic. The
buffer is all the extra memory there is. A transposed convolution multiplies first (every parent
by all its taps) and collects afterwards, so that no product is with zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import FunctionCtx

from skullfix.sparse.backend import check_cap, check_children, check_volumes
from skullfix.sparse.cpu import bitmap as bits
from skullfix.sparse.cpu.gather import collect_children, find_rows, gather_same, gather_tile
from skullfix.sparse.relation import Relation
from skullfix.sparse.voxels import VoxelSet

TILE_VALUES = 1 << 19  # gathered values a tile: 2 MB in float32, about one core's cache
NARROW = 16  # columns below which a matrix product is better computed transposed


class CpuBackend:
    """See the module's docstring."""

    name = "cpu"

    def downsample(self, voxels: VoxelSet) -> VoxelSet:
        """See `Backend.downsample`."""
        rows = voxels.coordinates.clone()
        rows[:, 1:] >>= 1
        return _union([rows.numpy()], voxels.batch_size)

    def generate(self, voxels: VoxelSet, relation: Relation, cap: int) -> VoxelSet:
        """See `Backend.generate`."""
        check_children(voxels, relation, cap)
        first = voxels.coordinates.numpy().copy()
        first[:, 1:] *= 2
        low, high = _box([first])
        high[1:] += relation.width - 1
        words = bits.empty_words(voxels.batch_size, low, high)
        for tap in np.ndindex((relation.width,) * 3):
            bits.set_bits(words, first + np.array((0, *tap), np.int32), low)
        return _set_of(words, low, voxels.batch_size, cap)

    def union(self, first: VoxelSet, second: VoxelSet) -> tuple[VoxelSet, Tensor, Tensor]:
        """See `Backend.union`."""
        merged = _union(
            [first.coordinates.numpy(), second.coordinates.numpy()],
            max(first.batch_size, second.batch_size),
        )
        return merged, self.find(first, merged), self.find(second, merged)

    def find(self, voxels: VoxelSet, within: VoxelSet) -> Tensor:
        """See `Backend.find`."""
        index = bitmap_of(within)
        rows = find_rows(voxels.coordinates.numpy(), index.words, index.prefix, index.low)
        return torch.from_numpy(rows)

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


def bitmap_of(voxels: VoxelSet) -> bits.Bitmap:
    """Return the set's bitmap, built at first use and kept with the set."""
    if not isinstance(voxels.index, bits.Bitmap):
        rows = voxels.coordinates.numpy()
        low, high = _box([rows])
        words = bits.empty_words(voxels.batch_size, low, high)
        bits.set_bits(words, rows, low)
        prefix, _ = bits.count_before(words)
        voxels.index = bits.Bitmap(words, prefix, low)
    return voxels.index


def _union(groups: list[NDArray[np.int32]], batch_size: int) -> VoxelSet:
    """Make the union of several arrays of rows (N, 4), whatever their order and repetitions."""
    low, high = _box(groups)
    words = bits.empty_words(batch_size, low, high)
    for rows in groups:
        bits.set_bits(words, rows, low)
    return _set_of(words, low, batch_size)


def _set_of(
    words: NDArray[np.uint64], low: NDArray[np.int32], batch_size: int, cap: int | None = None
) -> VoxelSet:
    """Make the set of the marked cells, if there are no more than `cap`."""
    prefix, total = bits.count_before(words)
    if cap is not None:
        check_cap(total, cap)
    voxels = VoxelSet(torch.from_numpy(bits.list_bits(words, low, total)), batch_size)
    voxels.index = bits.Bitmap(words, prefix, low)
    return voxels


def _box(groups: list[NDArray[np.int32]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """First and last coordinate over all rows, (4,) int32 each; zeros for no rows."""
    filled = [rows for rows in groups if len(rows)]
    if not filled:
        return np.zeros(4, np.int32), np.zeros(4, np.int32)
    low = np.min([rows.min(0) for rows in filled], 0)
    return low.astype(np.int32), np.max([rows.max(0) for rows in filled], 0).astype(np.int32)


def _tiles(
    features: Tensor, source: VoxelSet, target: VoxelSet, relation: Relation
) -> Any:  # Iterator[tuple[slice, Tensor]]
    """Walk over the target's rows: yields (rows, (tile, taps · C) what they see)."""
    index, width = bitmap_of(source), relation.taps * features.shape[1]
    values, rows = features.detach().contiguous().numpy(), target.coordinates.numpy()
    size = max(1, TILE_VALUES // width)
    buffer = np.empty((min(size, len(rows)), relation.taps, features.shape[1]), values.dtype)
    rule = (relation.scale, relation.sign, relation.shift, relation.divisor, relation.width)
    for start in range(0, len(rows), size):
        tile = buffer[: min(size, len(rows) - start)]
        if source is target and relation.scale == relation.divisor:  # SAME or its reverse
            gather_same(
                tile, values, rows, start, index.words, index.prefix, index.low, relation.sign
            )
        else:
            gather_tile(tile, values, rows, start, index.words, index.prefix, index.low, *rule)
        yield slice(start, start + len(tile)), torch.from_numpy(tile).view(len(tile), width)


def _multiply(seen: Tensor, matrix: Tensor, out: Tensor) -> None:
    """``out = seen @ matrix``; a narrow result is computed transposed, three times as fast."""
    if matrix.shape[1] < NARROW:
        out.copy_(torch.mm(matrix.T.contiguous(), seen.T).T)
    else:
        torch.mm(seen, matrix, out=out)


def _gathered(
    features: Tensor, weight: Tensor, source: VoxelSet, target: VoxelSet, relation: Relation
) -> Tensor:
    """Gather the taps, then multiply: SAME and DOWN."""
    out = features.new_empty(len(target), weight.shape[2])
    matrix = weight.reshape(-1, weight.shape[2])
    for rows, seen in _tiles(features, source, target, relation):
        _multiply(seen, matrix, out[rows])
    return out


def _scattered(
    features: Tensor, weight: Tensor, source: VoxelSet, target: VoxelSet, relation: Relation
) -> Tensor:
    """Multiply every parent by all taps, then let each child collect: UP2 and UP4."""
    taps, c_in, c_out = weight.shape
    matrix = weight.transpose(0, 1).reshape(c_in, taps * c_out)
    products = (features @ matrix).view(-1, taps, c_out)
    out = features.new_empty(len(target), c_out)
    index, rows = bitmap_of(source), target.coordinates.numpy()
    collect_children(
        out.numpy(),
        products.numpy(),
        rows,
        index.words,
        index.prefix,
        index.low,
        relation.width,
    )
    return out


class _Convolution(torch.autograd.Function):
    """Either kind; in both, a source row's gradient gathers from the targets that saw it."""

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
        compute = _scattered if relation.divisor == 2 else _gathered
        return compute(features.detach(), weight.detach(), source, target, relation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        features, weight = ctx.saved_tensors
        source, target, relation = ctx.sets
        taps, c_in, c_out = weight.shape
        back = weight.transpose(1, 2).reshape(taps * c_out, c_in)
        grad_features = torch.empty_like(features) if ctx.needs_input_grad[0] else None
        grad_weight = weight.new_zeros(c_in, taps * c_out)
        for rows, seen in _tiles(grad, target, source, relation.reverse()):
            if grad_features is not None:
                _multiply(seen, back, grad_features[rows])
            grad_weight.addmm_(features[rows].T, seen)
        grad_weight = grad_weight.view(c_in, taps, c_out).transpose(0, 1)
        return grad_features, grad_weight, None, None, None
