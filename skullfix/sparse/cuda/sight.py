"""Who sees whom: what the kernels ask of a bitmap, and the search for many voxels at once."""

# Triton types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from skullfix.sparse.cuda.bitmap import bitmap_of
from skullfix.sparse.voxels import VoxelSet

FOUND_AT_ONCE = 256  # rows of a program

FRAME = ["batches", "depth", "height", "width", "low_z", "low_y", "low_x"]


@triton.jit
def popcount(bits):
    """Count the set bits of int32 numbers that are not negative."""
    bits = bits - ((bits >> 1) & 0x55555555)
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    return (bits * 0x01010101) >> 24


@triton.jit
def rank(
    entries, batches, depth, height, width, low_z, low_y, low_x,
    b, z, y, x, wanted,
):  # fmt: skip
    """Row of each voxel (b, z, y, x) that is `wanted`, int32, -1 where there is none."""
    z, y, x = z - low_z, y - low_y, x - low_x
    inside = wanted & (b < batches) & (z >= 0) & (z < depth)
    inside = inside & (y >= 0) & (y < height) & (x >= 0) & (x < width * 32)
    entry = tl.load(
        entries + (((b * depth + z) * height + y) * width + (x >> 5)), mask=inside, other=0
    )
    bits, place = entry.to(tl.int32), x & 31
    before = (entry >> 32).to(tl.int32) + popcount(bits & ((1 << place) - 1))
    return tl.where(inside & (((bits >> place) & 1) != 0), before, -1)


@triton.jit
def see(
    entries, batches, depth, height, width, low_z, low_y, low_x,
    b, z, y, x, wanted, tap,
    SCALE: tl.constexpr, SIGN: tl.constexpr, SHIFT: tl.constexpr,
    DIVISOR: tl.constexpr, TAPS: tl.constexpr,
):  # fmt: skip
    """Row that each target sees through a tap, see `Relation`; -1 for none."""
    z = z * SCALE + SHIFT + SIGN * (tap // (TAPS * TAPS))
    y = y * SCALE + SHIFT + SIGN * (tap // TAPS % TAPS)
    x = x * SCALE + SHIFT + SIGN * (tap % TAPS)
    if DIVISOR == 2:
        wanted = wanted & (((z | y | x) & 1) == 0)
        z, y, x = z >> 1, y >> 1, x >> 1
    return rank(entries, batches, depth, height, width, low_z, low_y, low_x, b, z, y, x, wanted)


@triton.jit
def place_of(coordinates, row, wanted):
    """Coordinates (b, z, y, x) of rows, int32."""
    at = coordinates + row.to(tl.int64) * 4
    return (
        tl.load(at, mask=wanted, other=0),
        tl.load(at + 1, mask=wanted, other=0),
        tl.load(at + 2, mask=wanted, other=0),
        tl.load(at + 3, mask=wanted, other=0),
    )


@triton.jit(do_not_specialize=["rows", *FRAME])
def _find(
    out, coordinates, rows,
    entries, batches, depth, height, width, low_z, low_y, low_x,
    ROWS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    wanted = row < rows
    b, z, y, x = place_of(coordinates, row, wanted)
    found = rank(entries, batches, depth, height, width, low_z, low_y, low_x, b, z, y, x, wanted)
    tl.store(out + row, found.to(tl.int64), mask=wanted)


def find(voxels: VoxelSet, within: VoxelSet) -> Tensor:
    """Row of each of `voxels` in `within`, (N,) int64, -1 where it is not there."""
    rows = len(voxels)
    out = torch.empty(rows, dtype=torch.int64, device=voxels.device)
    if rows:
        _find[(triton.cdiv(rows, FOUND_AT_ONCE),)](
            out,
            voxels.coordinates.contiguous(),
            rows,
            *bitmap_of(within).arguments(),
            ROWS=FOUND_AT_ONCE,
        )
    return out
