"""The weights' gradient: ``dW[k] = Σ_i own[i]ᵀ ⊗ other[seen(i, k)]`` over the rows of one side.

    own rows   | part 0        | part 1        | …    one program a part, a tap and a block of dW
               | tile | tile | | tile | tile | |
                  sum += ownᵀ @ gathered               (OWN, ROWS) x (ROWS, OTHER), tl.dot
    partial[part, tap, OWN, OTHER]  ->  sum over the parts, in their order

The number of parts depends on sizes alone and no two programs write one place: the same bytes at
every run. The side with fewer voxels is walked, the coarse one, so that no tap is asked in vain.
"""

# Triton types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from skullfix.sparse.cuda.bitmap import bitmap_of
from skullfix.sparse.cuda.convolve import fitting, sums_of
from skullfix.sparse.cuda.sight import FRAME, place_of, see
from skullfix.sparse.relation import Relation
from skullfix.sparse.voxels import VoxelSet

TILE = 64  # rows that are multiplied at a time
PART_ROWS = 2048  # rows of a partial sum, at least …
PART_VALUES = 1 << 24  # … and numbers of all partial sums together, at most


@triton.jit(do_not_specialize=["rows", "share", *FRAME])
def gradient_kernel(
    partial, own, other, coordinates, rows, share,
    entries, batches, depth, height, width, low_z, low_y, low_x,
    C_OWN: tl.constexpr, C_OTHER: tl.constexpr,
    SCALE: tl.constexpr, SIGN: tl.constexpr, SHIFT: tl.constexpr,
    DIVISOR: tl.constexpr, TAPS: tl.constexpr, SUM: tl.constexpr,
    ROWS: tl.constexpr, OWN: tl.constexpr, OTHER: tl.constexpr,
):  # fmt: skip
    """Sum one part, for one tap and one block of channels; see the module's docstring."""
    part, tap = tl.program_id(0), tl.program_id(1)
    blocks = (C_OTHER + OTHER - 1) // OTHER
    mine = tl.program_id(2) // blocks * OWN + tl.arange(0, OWN)
    theirs = tl.program_id(2) % blocks * OTHER + tl.arange(0, OTHER)
    end = tl.minimum(rows, (part + 1) * share)
    total = tl.zeros((OWN, OTHER), SUM)
    for first in range(part * share, end, ROWS):
        row = first + tl.arange(0, ROWS)
        there = row < end
        b, z, y, x = place_of(coordinates, row, there)
        seen = see(
            entries, batches, depth, height, width, low_z, low_y, low_x,
            b, z, y, x, there, tap, SCALE, SIGN, SHIFT, DIVISOR, TAPS,
        )  # fmt: skip
        left = tl.load(
            own + row.to(tl.int64)[None, :] * C_OWN + mine[:, None],
            mask=(seen >= 0)[None, :] & (mine < C_OWN)[:, None],
            other=0.0,
        )
        right = tl.load(
            other + seen.to(tl.int64)[:, None] * C_OTHER + theirs[None, :],
            mask=(seen >= 0)[:, None] & (theirs < C_OTHER)[None, :],
            other=0.0,
        )
        total = tl.dot(left, right, total, input_precision="ieee", out_dtype=SUM)
    place = (part.to(tl.int64) * (TAPS * TAPS * TAPS) + tap) * C_OWN
    tl.store(
        partial + (place + mine)[:, None] * C_OTHER + theirs[None, :],
        total,
        mask=(mine < C_OWN)[:, None] & (theirs < C_OTHER)[None, :],
    )


def weight_gradient(
    features: Tensor, grad: Tensor, source: VoxelSet, target: VoxelSet, relation: Relation
) -> Tensor:
    """Differentiate a convolution by its weights.

    Args:
        features: (N_source, C_in), the operands' type.
        grad: (N_target, C_out), the same type.
        source: Voxels of the input.
        target: Voxels of the output.
        relation: SAME, DOWN, UP2 or UP4.

    Returns:
        (taps, C_in, C_out), in the type of the sums.
    """
    if relation.divisor == 2:  # the source is the coarse side
        return _sums(features, grad, source, target, relation.reverse())
    return _sums(grad, features, target, source, relation).transpose(1, 2)


def _sums(own: Tensor, other: Tensor, mine: VoxelSet, theirs: VoxelSet, rule: Relation) -> Tensor:
    """Sum over the rows of `mine`: (taps, C_own, C_other)."""
    rows, c_own, c_other = len(mine), own.shape[1], other.shape[1]
    size, sums = rule.taps * c_own * c_other, sums_of(own.dtype)
    parts = max(1, min(triton.cdiv(rows, PART_ROWS), PART_VALUES // size))
    share = triton.cdiv(triton.cdiv(rows, parts), TILE) * TILE
    partial = own.new_zeros(parts, rule.taps, c_own, c_other, dtype=sums)
    block = (fitting(c_own), fitting(c_other))
    if rows:
        gradient_kernel[
            (parts, rule.taps, triton.cdiv(c_own, block[0]) * triton.cdiv(c_other, block[1]))
        ](
            partial, own.contiguous(), other.contiguous(), mine.coordinates.contiguous(),
            rows, share, *bitmap_of(theirs).arguments(),
            C_OWN=c_own, C_OTHER=c_other, SCALE=rule.scale, SIGN=rule.sign, SHIFT=rule.shift,
            DIVISOR=rule.divisor, TAPS=rule.width,
            SUM=tl.float64 if sums == torch.float64 else tl.float32,
            ROWS=TILE, OWN=block[0], OTHER=block[1],
        )  # fmt: skip
    return partial.sum(0)
