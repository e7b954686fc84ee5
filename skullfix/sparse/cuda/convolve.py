"""The convolution kernel: every program makes one tile of the output, from start to end.

                       COLS channels
                      +-------------+
                      | weight[tap] |  DEPTH        for tap, for DEPTH channels of the input:
                      +-------------+                   row = rank in the bitmap   (ROWS,)
              DEPTH                                     in  = features[row]        (ROWS, DEPTH)
            +-------+ +-------------+                   sum += in @ weight[tap]    tl.dot
      ROWS  |  in   | |     sum     |  -> + bias, ReLU, + skip -> out, heads
            +-------+ +-------------+
       gathered          in registers

A program owns its tile: no atomics, no list of neighbours, and the same bytes at every run. The
sums are float32 (float64 where the features are), float32 operands are multiplied as such and not
as TF32; with bfloat16 or float16 operands the tensor cores multiply.
"""

# Triton types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from skullfix.sparse.cuda.bitmap import bitmap_of
from skullfix.sparse.cuda.sight import FRAME, place_of, rank, see
from skullfix.sparse.relation import SAME, Relation
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

WIDEST = 64  # channels of a tile, at most
NARROWEST = 16  # and at least: what tl.dot asks for
SKIP_FRAME = ["skip_" + name for name in FRAME]


class Tile(NamedTuple):
    """Sizes of a tile; see the module's docstring."""

    ROWS: int
    COLS: int
    DEPTH: int

    @classmethod
    def of(cls, c_in: int, c_out: int) -> Tile:
        """Choose for numbers of channels: so that the sums fit in the registers."""
        cols, depth = fitting(c_out), fitting(c_in)
        return cls(128 if cols * depth <= 1024 else 64, cols, depth)


class Epilogue(NamedTuple):
    """What follows the sums, in inference; see `Backend.fused`.

    Attributes:
        bias: (C_out,).
        heads: (H, C_out + 1).
        added: Sparse tensor to add, where there is one.
        keep: Whether the result is stored.
    """

    bias: Tensor
    heads: Tensor
    added: SparseTensor | None
    keep: bool


def fitting(channels: int) -> int:
    """Give the power of two that holds these channels, within a tile's bounds."""
    return max(NARROWEST, min(WIDEST, triton.next_power_of_2(channels)))


def sums_of(dtype: torch.dtype) -> torch.dtype:
    """Give the type in which products of a type are summed."""
    return torch.float64 if dtype == torch.float64 else torch.float32


@triton.jit(do_not_specialize=["rows", *FRAME, *SKIP_FRAME])
def convolve_kernel(
    out, scores, features, weight, bias, heads, skip, coordinates, rows,
    entries, batches, depth, height, width, low_z, low_y, low_x,
    skip_entries, skip_batches, skip_depth, skip_height, skip_width,
    skip_low_z, skip_low_y, skip_low_x,
    C_IN: tl.constexpr, C_OUT: tl.constexpr,
    SCALE: tl.constexpr, SIGN: tl.constexpr, SHIFT: tl.constexpr,
    DIVISOR: tl.constexpr, TAPS: tl.constexpr,
    FUSED: tl.constexpr, JOINED: tl.constexpr, ADDED: tl.constexpr,
    HEADS: tl.constexpr, KEEP: tl.constexpr, SUM: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """Make a tile of `out`, and of the scores; see the module's docstring."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(1) * COLS + tl.arange(0, COLS)
    there, real = row < rows, column < C_OUT
    b, z, y, x = place_of(coordinates, row, there)
    total = tl.zeros((ROWS, COLS), SUM)
    for tap in range(TAPS * TAPS * TAPS):
        seen = see(
            entries, batches, depth, height, width, low_z, low_y, low_x,
            b, z, y, x, there, tap, SCALE, SIGN, SHIFT, DIVISOR, TAPS,
        )  # fmt: skip
        useful = True
        if DIVISOR == 2:  # at most one of eight taps leads a row anywhere
            useful = tl.max(seen, 0) >= 0
        if useful:
            for first in range(0, C_IN, DEPTH):
                channel = first + tl.arange(0, DEPTH)
                gathered = tl.load(
                    features + seen.to(tl.int64)[:, None] * C_IN + channel[None, :],
                    mask=(seen >= 0)[:, None] & (channel < C_IN)[None, :],
                    other=0.0,
                )
                part = tl.load(
                    weight + (tap * C_IN + channel)[:, None] * C_OUT + column[None, :],
                    mask=(channel < C_IN)[:, None] & real[None, :],
                    other=0.0,
                )
                total = tl.dot(gathered, part, total, input_precision="ieee", out_dtype=SUM)
    if FUSED:
        total += tl.load(bias + column, mask=real, other=0.0).to(SUM)[None, :]
        total = tl.maximum(total, 0.0)
        if JOINED:  # a target that is no voxel of the source has no convolution
            own = rank(
                entries, batches, depth, height, width, low_z, low_y, low_x, b, z, y, x, there
            )
            total = tl.where((own >= 0)[:, None], total, 0.0)
        if ADDED:
            other = rank(
                skip_entries, skip_batches, skip_depth, skip_height, skip_width,
                skip_low_z, skip_low_y, skip_low_x, b, z, y, x, there,
            )  # fmt: skip
            total += tl.load(
                skip + other.to(tl.int64)[:, None] * C_OUT + column[None, :],
                mask=(other >= 0)[:, None] & real[None, :],
                other=0.0,
            ).to(SUM)
        for head in tl.static_range(HEADS):
            line = tl.load(heads + head * (C_OUT + 1) + column, mask=real, other=0.0).to(SUM)
            place = (tl.program_id(1).to(tl.int64) * rows + row) * HEADS + head
            tl.store(scores + place, tl.sum(total * line[None, :], 1), mask=there)
    if KEEP:
        tl.store(
            out + row.to(tl.int64)[:, None] * C_OUT + column[None, :],
            total.to(out.dtype.element_ty),
            mask=there[:, None] & real[None, :],
        )


def convolve(
    features: Tensor,
    weight: Tensor,
    source: VoxelSet,
    target: VoxelSet,
    relation: Relation,
    epilogue: Epilogue | None = None,
    out_type: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Sum over the taps, and what follows; see `Backend.convolve` and `Backend.fused`.

    Args:
        features: (N_source, C_in), the operands' type.
        weight: (taps, C_in, C_out), the same type.
        source: Voxels of the input.
        target: Voxels of the output.
        relation: Any, reverse ones too.
        epilogue: What follows; nothing by default.
        out_type: Of the result; that of the sums by default.

    Returns:
        (N_target, C_out), empty where not kept, and scores (N_target, H).
    """
    rows, (_, c_in, c_out) = len(target), weight.shape
    sums, tile = sums_of(features.dtype), Tile.of(c_in, c_out)
    columns = triton.cdiv(c_out, tile.COLS)
    heads = epilogue.heads if epilogue else weight.new_empty(0, c_out + 1)
    added = epilogue.added if epilogue and epilogue.added and len(epilogue.added.voxels) else None
    keep = epilogue is None or epilogue.keep
    out = weight.new_empty(rows if keep else 0, c_out, dtype=out_type or sums)
    scores = weight.new_empty(columns, rows, len(heads), dtype=sums)
    index = bitmap_of(source)
    others = bitmap_of(added.voxels) if added else index
    if rows:
        convolve_kernel[(triton.cdiv(rows, tile.ROWS), columns)](
            out, scores, features.contiguous(), weight.contiguous(),
            epilogue.bias.contiguous() if epilogue else weight,
            heads.contiguous(), added.features.contiguous() if added else features,
            target.coordinates.contiguous(), rows, *index.arguments(), *others.arguments(),
            C_IN=c_in, C_OUT=c_out, SCALE=relation.scale, SIGN=relation.sign,
            SHIFT=relation.shift, DIVISOR=relation.divisor, TAPS=relation.width,
            FUSED=epilogue is not None,
            JOINED=epilogue is not None and relation == SAME and source is not target,
            ADDED=added is not None, HEADS=len(heads), KEEP=keep,
            SUM=tl.float64 if sums == torch.float64 else tl.float32, **tile._asdict(),
        )  # fmt: skip
    return out, scores.sum(0) + heads[:, -1]
