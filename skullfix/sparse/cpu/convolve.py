"""Convolutions over all rows: the threads, and the packing of the weights.

    rows 0 … N-1   | chunk 0 | chunk 1 | chunk 2 | …       a thread takes a chunk at a time
    chunk          | tile | tile | …                       32 rows: table, then arithmetic

A thread owns the rows that it writes: no atomics, no barriers within a layer.
"""

# numba types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.sparse.cpu.crew import share
from skullfix.sparse.cpu.product import add_outer, multiply, multiply_wide
from skullfix.sparse.cpu.sets import bitmap_of
from skullfix.sparse.cpu.simd import vector8, vector16, wide_registers
from skullfix.sparse.cpu.table import TILE, new_table, see_same, see_tile
from skullfix.sparse.jit import compiled
from skullfix.sparse.relation import SAME, Relation
from skullfix.sparse.voxels import VoxelSet

CHUNK = 1024  # rows a thread takes at a time
CHUNK_WORK = 1 << 24  # products a thread takes at a time, where rows are dear
PART_ROWS = 2048  # rows of a partial sum of the weights' gradient, at least …
PART_VALUES = 1 << 23  # … and numbers of all partial sums together, at most


class Sight(NamedTuple):
    """What the targets see, as the kernels take it: ``kernel(…, *view)``.

    Attributes:
        coordinates: (N, 4) int32 of the targets.
        words: Bits of the sources, see `Bitmap`.
        prefix: Their running count.
        frame: What the words mean, see `Box.frame`.
        rule: (5,) int64 (scale, sign, shift, divisor, width), see `Relation`.
        within: Whether the relation is SAME and every target lies in the sources' box.
        features: (N_source, C) float, contiguous.
        nothing: (C,) zeros, what an absent source gives.
    """

    coordinates: Any
    words: Any
    prefix: Any
    frame: Any
    rule: Any
    within: bool
    features: Any
    nothing: Any


def sight(features: Tensor, source: VoxelSet, target: VoxelSet, relation: Relation) -> Sight:
    """Prepare what the kernels need."""
    index = bitmap_of(source)
    within = relation == SAME and (
        source is target or _inside(bitmap_of(target).box, index.box, len(target))
    )
    rule = (relation.scale, relation.sign, relation.shift, relation.divisor, relation.width)
    rows = target.coordinates.numpy()
    values = features.detach().contiguous().numpy()
    nothing = np.zeros(features.shape[1], values.dtype)
    return Sight(rows, *index.arrays(), np.array(rule), within, values, nothing)


def _inside(inner: Any, outer: Any, count: int) -> bool:
    """Whether a box, border included, lies in another; an empty set lies anywhere."""
    return not count or (
        all(a >= b for a, b in zip(inner.low, outer.low, strict=True))
        and all(a <= b for a, b in zip(inner.high, outer.high, strict=True))
    )


def lanes_for(columns: int) -> int:
    """Lanes of the vectors that waste the fewest of these columns; wide ones where equal."""
    return 8 if 0 < columns % 16 <= 8 else 16


def packed(weight: Tensor) -> NDArray[Any]:
    """(taps, C_in, C_out) to (blocks, taps, C_in, lanes), zeros for the columns that lack."""
    lanes = lanes_for(weight.shape[2])
    padded = torch.nn.functional.pad(weight.detach(), (0, -weight.shape[2] % lanes))
    blocks = padded.view(*weight.shape[:2], -1, lanes).permute(2, 0, 1, 3)
    return blocks.contiguous().numpy()


def convolve(view: Sight, weight: Tensor) -> Tensor:
    """Sum over the taps, without bias: (N, C_out)."""
    kernel = packed(weight)
    out = weight.new_empty(len(view.coordinates), kernel.shape[0] * kernel.shape[3])
    bias = np.zeros(out.shape[1], kernel.dtype)
    floor = bias.dtype.type(-np.inf)
    share(len(out), _all_rows, out.numpy(), kernel, bias, floor, chunk_rows(kernel), *view)
    return out if out.shape[1] == weight.shape[2] else out[:, : weight.shape[2]].contiguous()


def chunk_rows(kernel: Any) -> int:
    """Rows of a chunk: a multiple of TILE, fewer where each is dear."""
    return int(min(CHUNK, max(TILE, CHUNK_WORK // max(1, kernel.size) // TILE * TILE)))


def weight_gradient(view: Sight, grad: Tensor) -> Tensor:
    """``dW[k] = Σ_t in[source(t, k)]ᵀ ⊗ grad[t]``: (taps, C_in, C_out).

    The rows are cut into parts whose number depends on sizes alone, and the parts' sums are added
    in their order: the same bytes for every number of threads.
    """
    taps, c_in, c_out = int(view.rule[4]) ** 3, view.features.shape[1], grad.shape[1]
    lanes = lanes_for(c_out) if wide_registers() else 8  # eight sums, each in one register
    padded = torch.nn.functional.pad(grad.detach(), (0, -c_out % lanes)).contiguous()
    size = taps * c_in * padded.shape[1]
    parts = max(1, min(-(-len(grad) // PART_ROWS), PART_VALUES // size))
    total = np.zeros((parts, taps, c_in, padded.shape[1]), view.features.dtype)
    share(len(grad), _all_parts, total, padded.numpy(), lanes, *view)
    return torch.from_numpy(np.add.reduce(total, 0))[:, :, :c_out]


@compiled()
def see(
    table, seen, first, count, coordinates, words, prefix, frame, rule, within, features, nothing
):
    """Fill the table for a tile."""
    base, stride, zeros = features.ctypes.data, features.strides[0], nothing.ctypes.data
    if within:
        see_same(table, seen, coordinates, first, count, words, prefix, frame, base, stride, zeros)
    else:
        see_tile(
            table, seen, coordinates, first, count, words, prefix, frame, rule, base, stride, zeros
        )


@compiled()
def tile_product(out, begin, count, table, seen, weight, bias, floor):
    """`multiply` with the vectors that the weights are packed for."""
    if weight.shape[3] == 16:
        multiply_wide(out, begin, count, table, seen, weight, bias, floor, vector16(weight))
    else:
        multiply(out, begin, count, table, seen, weight, bias, floor, vector8(weight))


@compiled(parallel=True)
def _all_rows(
    out, weight, bias, floor, chunk,
    coordinates, words, prefix, frame, rule, within, features, nothing,
):  # fmt: skip
    """Compute every row of `out`."""
    rows, taps = len(coordinates), weight.shape[1]
    for number in numba.prange((rows + chunk - 1) // chunk):
        table, seen = new_table(taps)
        for first in range(number * chunk, min(rows, (number + 1) * chunk), TILE):
            count = min(TILE, rows - first)
            see(
                table, seen, first, count,
                coordinates, words, prefix, frame, rule, within, features, nothing,
            )  # fmt: skip
            tile_product(out, first, count, table, seen, weight, bias, floor)


@compiled(parallel=True)
def _all_parts(
    total, grad, lanes,
    coordinates, words, prefix, frame, rule, within, features, nothing,
):  # fmt: skip
    """Sum every part of the weights' gradient."""
    rows, parts, taps = len(grad), len(total), total.shape[1]
    share = (rows + parts - 1) // parts
    for part in numba.prange(parts):
        table, seen = new_table(taps)
        end = min(rows, (part + 1) * share)
        for first in range(part * share, end, TILE):
            count = min(TILE, end - first)
            see(
                table, seen, first, count,
                coordinates, words, prefix, frame, rule, within, features, nothing,
            )  # fmt: skip
            if lanes == 16:
                add_outer(total[part], first, count, table, seen, grad, vector16(grad))
            else:
                add_outer(total[part], first, count, table, seen, grad, vector8(grad))
