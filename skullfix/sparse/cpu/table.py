"""Who sees whom: for a tile of rows, the address of the row that each tap sees.

    table[tap · SPAN + i]   address of the features that row i of the tile sees through the tap;
                            where it sees no voxel, the address of a row of zeros
    seen[i / GROUP]         bit k is set if some row of the group of GROUP rows sees something
                            through tap k: the kernels skip the other taps

The table lives in the first-level cache and is overwritten by the next tile: all that is ever
stored of the neighbourhoods of a million voxels is the one of 32 of them.
"""

# numba types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from skullfix.sparse.cpu.bitmap import popcount, rank
from skullfix.sparse.cpu.simd import addresses, store
from skullfix.sparse.jit import compiled

TILE = 32  # rows
GROUP = 8  # rows that share their registers, see `multiply`
SPAN = TILE + GROUP  # from one tap's addresses to the next one's


@compiled()
def new_table(taps):
    """Make a table for a number of taps, and the bits of what its groups see."""
    return np.empty(taps * SPAN, np.int64), np.empty(TILE // GROUP, np.uint64)


@compiled()
def see_tile(
    table, seen, coordinates, first, count, words, prefix, frame, rule, base, stride, nothing
):
    """Fill the table for rows `first` to `first + count`.

    Args:
        table: (taps · SPAN,) int64, overwritten.
        seen: (TILE / GROUP,) uint64, overwritten.
        coordinates: (N, 4) int32 of the targets.
        first: First row of the tile.
        count: Rows of the tile, up to TILE.
        words: Bits of the sources, see `Bitmap`.
        prefix: Their running count.
        frame: What the words mean, see `Box.frame`.
        rule: (5,) int64 (scale, sign, shift, divisor, width), see `Relation`.
        base: Address of the first source row's features.
        stride: Bytes from one source row to the next.
        nothing: Address of a row of zeros.
    """
    scale, sign, shift, divisor, width = rule[0], rule[1], rule[2], rule[3], rule[4]
    half = divisor - 1  # one tap in `divisor` along each axis leads to a whole place
    seen[:] = np.uint64(0)
    table[:] = nothing
    for i in range(count):
        b = np.int64(coordinates[first + i, 0])
        z0 = np.int64(coordinates[first + i, 1]) * scale + shift
        y0 = np.int64(coordinates[first + i, 2]) * scale + shift
        x0 = np.int64(coordinates[first + i, 3]) * scale + shift
        for kz in range(z0 & half, width, divisor):
            z = (z0 + sign * kz) >> half
            for ky in range(y0 & half, width, divisor):
                y = (y0 + sign * ky) >> half
                for kx in range(x0 & half, width, divisor):
                    x = (x0 + sign * kx) >> half
                    row = rank(words, prefix, frame, b, z, y, x)
                    if row >= 0:
                        tap = (kz * width + ky) * width + kx
                        table[np.uint64(tap * SPAN + i)] = base + row * stride
                        seen[i // GROUP] |= np.uint64(1) << np.uint64(tap)


@compiled()
def see_same(table, seen, coordinates, first, count, words, prefix, frame, base, stride, nothing):
    """`see_tile` for the relation SAME when every target lies in the box of the sources.

    Rows side by side along x, up to a group, are done together. What they see of one line lies in
    a window of bits, one more on either side, and one count of the bits before it serves them all:

        words of the line     … x x x x x x x x | x x x x x x …
        window                        ^ ^ ^ ^ ^   ^ ^ ^ ^ ^       cells x - 1 … x + 8
        left tap of 8 rows            0 1 2 3 4   5 6 7
        middle tap                      0 1 2 3   4 5 6 7
        right tap                         0 1 2   3 4 5 6 7

    The border makes every look-up legal. Eight addresses are stored at once; those beyond the run
    are overwritten by the next one, or lie between two taps of the table.
    """
    one = np.uint64(1)
    depth, height, width = frame[1], frame[2], frame[4]
    seen[:] = np.uint64(0)
    i = 0
    while i < count:
        row = np.uint64(first + i)
        b, z = coordinates[row, np.uint64(0)], coordinates[row, np.uint64(1)]
        y, x = coordinates[row, np.uint64(2)], coordinates[row, np.uint64(3)]
        most, run = min(count - i, GROUP - i % GROUP), 1
        while run < most:
            other = row + np.uint64(run)
            if (
                coordinates[other, np.uint64(3)] != x + run
                or coordinates[other, np.uint64(2)] != y
                or coordinates[other, np.uint64(1)] != z
                or coordinates[other, np.uint64(0)] != b
            ):
                break
            run += 1
        left = x - frame[7] - 1  # first cell of the window
        line = (b * depth + (z - frame[5])) * height + (y - frame[6])
        centre = line * width + (left >> 6)
        shift = np.uint64(left & 63)
        below, rows = (one << shift) - one, (one << np.uint64(run)) - one
        bits = np.uint64(0)
        for dz in range(3):
            for dy in range(3):
                at = np.uint64(centre + ((dz - 1) * height + dy - 1) * width)
                word = words[at]
                window = (word >> shift) | ((words[at + one] << one) << (np.uint64(63) - shift))
                here = base + (prefix[at] + np.int64(popcount(word & below))) * stride
                tap = 3 * (3 * dz + dy)
                for kx in range(3):
                    store(table, (tap + kx) * SPAN + i, addresses(window, here, stride, nothing))
                    if window & rows:
                        bits |= one << np.uint64(tap + kx)
                    here += stride & -np.int64(window & one)
                    window >>= one
        seen[i // GROUP] |= bits
        i += run
