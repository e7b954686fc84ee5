"""The arithmetic of a convolution over one tile: outputs stay in registers.

A group of 8 rows and one vector of output channels is accumulated in 8 vector registers while the
taps go by. A weight vector is loaded once for the 8 rows, and the input's numbers are read where
they lie: nothing is gathered, nothing is written but the result.

    tap k, input channel c:          w = weight[k, c, 0 … 15]            one load
        row 0    a0 += f(row 0, k)[c] · w        f(i, k) is the source row that row i
        row 1    a1 += f(row 1, k)[c] · w        sees through tap k, by `table`
          ⋮                                      (a row of zeros where there is none)
        row 7    a7 += f(row 7, k)[c] · w

Where 16 lanes take two registers, as with AVX2, eight rows need more than the 16 that there are,
and what does not fit goes through memory at every step: there a group is done by halves
(`multiply_wide`).

Rows of a group lie side by side along x almost always, so they see the same taps: those that none
sees are skipped. Every output is summed in the order of (tap, channel) whatever its neighbours in
the group are, which is why the result does not depend on tiles or threads.
"""

# numba types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import Any

import numpy as np

from skullfix.sparse.cpu.simd import (
    at_least,
    axpy,
    lanes_of,
    load,
    lowest_bit,
    store,
    value,
    wide_registers,
)
from skullfix.sparse.cpu.table import GROUP, SPAN
from skullfix.sparse.jit import compiled


@compiled()
def multiply(out, begin, count, table, seen, weight, bias, floor, like):
    """Compute rows ``begin`` to ``begin + count`` of ``out``: max(Σ f · w + bias, floor).

    Args:
        out: (rows, columns) float, contiguous, columns = blocks · lanes.
        begin: First row of the tile in `out`.
        count: Rows of the tile.
        table: See `skullfix.sparse.cpu.table`, as is `seen`.
        seen: Taps that each group sees.
        weight: (blocks, taps, c_in, lanes).
        bias: (columns,).
        floor: 0 for ReLU, -inf for none.
        like: A vector, for its type and lanes.
    """
    blocks, taps, c_in, lanes = weight.shape
    columns, flat_out, flat_weight = blocks * lanes, out.reshape(-1), weight.reshape(-1)
    for block in range(blocks):
        for group in range(0, count, GROUP):
            a0 = load(like, bias, block * lanes)
            a1, a2, a3, a4, a5, a6, a7 = a0, a0, a0, a0, a0, a0, a0
            left = seen[group // GROUP]
            while left:
                tap = np.int64(lowest_bit(left))
                left &= left - np.uint64(1)
                place = np.uint64(tap * SPAN + group)
                p0, p1 = table[place], table[place + np.uint64(1)]
                p2, p3 = table[place + np.uint64(2)], table[place + np.uint64(3)]
                p4, p5 = table[place + np.uint64(4)], table[place + np.uint64(5)]
                p6, p7 = table[place + np.uint64(6)], table[place + np.uint64(7)]
                start = (block * taps + tap) * c_in * lanes
                for c in range(c_in):
                    w = load(like, flat_weight, start + c * lanes)
                    a0 = axpy(a0, value(like, p0, c), w)
                    a1 = axpy(a1, value(like, p1, c), w)
                    a2 = axpy(a2, value(like, p2, c), w)
                    a3 = axpy(a3, value(like, p3, c), w)
                    a4 = axpy(a4, value(like, p4, c), w)
                    a5 = axpy(a5, value(like, p5, c), w)
                    a6 = axpy(a6, value(like, p6, c), w)
                    a7 = axpy(a7, value(like, p7, c), w)
            place = (begin + group) * columns + block * lanes
            for i, total in enumerate((a0, a1, a2, a3, a4, a5, a6, a7)):
                if group + i < count:
                    store(flat_out, place + i * columns, at_least(total, floor))


@compiled()
def multiply_halves(out, begin, count, table, seen, weight, bias, floor, like):
    """`multiply`, to the last bit, with four rows in the registers at a time."""
    blocks, taps, c_in, lanes = weight.shape
    columns, flat_out, flat_weight = blocks * lanes, out.reshape(-1), weight.reshape(-1)
    for block in range(blocks):
        for half in range(0, count, GROUP // 2):
            a0 = load(like, bias, block * lanes)
            a1, a2, a3 = a0, a0, a0
            left = seen[half // GROUP]
            while left:
                tap = np.int64(lowest_bit(left))
                left &= left - np.uint64(1)
                place = np.uint64(tap * SPAN + half)
                p0, p1 = table[place], table[place + np.uint64(1)]
                p2, p3 = table[place + np.uint64(2)], table[place + np.uint64(3)]
                start = (block * taps + tap) * c_in * lanes
                for c in range(c_in):
                    w = load(like, flat_weight, start + c * lanes)
                    a0 = axpy(a0, value(like, p0, c), w)
                    a1 = axpy(a1, value(like, p1, c), w)
                    a2 = axpy(a2, value(like, p2, c), w)
                    a3 = axpy(a3, value(like, p3, c), w)
            place = (begin + half) * columns + block * lanes
            for i, total in enumerate((a0, a1, a2, a3)):
                if half + i < count:
                    store(flat_out, place + i * columns, at_least(total, floor))


multiply_wide: Any = multiply if wide_registers() else multiply_halves
"""For vectors of 16 lanes, whichever is the faster on this processor."""


@compiled()
def add_outer(total, first, count, table, seen, grad, like):
    """Add a tile's share to the weights' gradient: ``total[k, c] += Σ_i f(i, k)[c] · grad[i]``.

    Eight input channels at a time stay in registers while the tile's rows go by.

    Args:
        total: (taps, c_in, columns) float, contiguous, columns a multiple of the lanes.
        first: First row of the tile in `grad`.
        count: Rows of the tile.
        table: See `skullfix.sparse.cpu.table`, as is `seen`.
        seen: Taps that each group sees.
        grad: (N, columns) float, contiguous.
        like: A vector, for its type.
    """
    _, c_in, columns = total.shape
    lanes = lanes_of(like)
    flat_total, flat_grad = total.reshape(-1), grad.reshape(-1)
    left = np.uint64(0)
    for bits in seen:
        left |= bits
    while left:
        tap = np.int64(lowest_bit(left))
        left &= left - np.uint64(1)
        for column in range(0, columns, lanes):
            for c in range(0, c_in - c_in % 8, 8):
                place = (tap * c_in + c) * columns + column
                a0 = load(like, flat_total, place)
                a1 = load(like, flat_total, place + columns)
                a2 = load(like, flat_total, place + 2 * columns)
                a3 = load(like, flat_total, place + 3 * columns)
                a4 = load(like, flat_total, place + 4 * columns)
                a5 = load(like, flat_total, place + 5 * columns)
                a6 = load(like, flat_total, place + 6 * columns)
                a7 = load(like, flat_total, place + 7 * columns)
                for i in range(count):
                    g = load(like, flat_grad, (first + i) * columns + column)
                    p = table[np.uint64(tap * SPAN + i)]
                    a0 = axpy(a0, value(like, p, c), g)
                    a1 = axpy(a1, value(like, p, c + 1), g)
                    a2 = axpy(a2, value(like, p, c + 2), g)
                    a3 = axpy(a3, value(like, p, c + 3), g)
                    a4 = axpy(a4, value(like, p, c + 4), g)
                    a5 = axpy(a5, value(like, p, c + 5), g)
                    a6 = axpy(a6, value(like, p, c + 6), g)
                    a7 = axpy(a7, value(like, p, c + 7), g)
                for i, a in enumerate((a0, a1, a2, a3, a4, a5, a6, a7)):
                    store(flat_total, place + i * columns, a)
            for c in range(c_in - c_in % 8, c_in):
                place = (tap * c_in + c) * columns + column
                a = load(like, flat_total, place)
                for i in range(count):
                    g = load(like, flat_grad, (first + i) * columns + column)
                    a = axpy(a, value(like, table[np.uint64(tap * SPAN + i)], c), g)
                store(flat_total, place, a)
