"""Who sees whom: for a tile of rows, the address of the row that each tap sees.

    table[tap · TILE + i]   address of the features that row i of the tile sees through the tap;
                            where it sees no voxel, the address of a row of zeros
    seen[i / GROUP]         bit k is set if some row of the group of GROUP rows sees something
                            through tap k: the kernels skip the other taps

The table lives in the first-level cache and is overwritten by the next tile: all that is ever
stored of the neighbourhoods of a million voxels is the one of 32 of them.
"""

# numba types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numba
import numpy as np

from skullfix.sparse.cpu.bitmap import popcount, rank

TILE = 32  # rows
GROUP = 8  # rows that share their registers, see `multiply`


@numba.njit(cache=True, nogil=True)
def see_tile(
    table, seen, coordinates, first, count, words, prefix, frame, rule, base, stride, nothing
):
    """Fill the table for rows `first` to `first + count`.

    Args:
        table: (taps · TILE,) int64, overwritten.
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
    half = divisor - 1
    seen[:] = np.uint64(0)
    table[:] = nothing
    for i in range(count):
        b = np.int64(coordinates[first + i, 0])
        z0 = np.int64(coordinates[first + i, 1]) * scale + shift
        y0 = np.int64(coordinates[first + i, 2]) * scale + shift
        x0 = np.int64(coordinates[first + i, 3]) * scale + shift
        for kz in range(width):
            z = z0 + sign * kz
            if divisor == 2 and z & 1:
                continue
            for ky in range(width):
                y = y0 + sign * ky
                if divisor == 2 and y & 1:
                    continue
                for kx in range(width):
                    x = x0 + sign * kx
                    if divisor == 2 and x & 1:
                        continue
                    row = rank(words, prefix, frame, b, z >> half, y >> half, x >> half)
                    if row >= 0:
                        tap = (kz * width + ky) * width + kx
                        table[np.uint64(tap * TILE + i)] = base + row * stride
                        seen[i // GROUP] |= np.uint64(1) << np.uint64(tap)


@numba.njit(cache=True, nogil=True)
def see_same(table, seen, coordinates, first, count, words, prefix, frame, base, stride, nothing):
    """`see_tile` for the relation SAME when every target lies in the box of the sources.

    The border makes every look-up legal, and the three cells of a run along x lie in one word or
    two, so one count serves all three:

        words of the line     … x x x x x x x x | x x x x x x …
        three bits from here            ^ shift   (the next word fills up what this one lacks)
    """
    one = np.uint64(1)
    depth, height, width = frame[1], frame[2], frame[4]
    seen[:] = np.uint64(0)
    if count < TILE:
        table[:] = nothing
    for i in range(count):
        row = np.uint64(first + i)
        z = coordinates[row, np.uint64(1)] - frame[5]
        y = coordinates[row, np.uint64(2)] - frame[6]
        x = coordinates[row, np.uint64(3)] - frame[7] - 1  # first of the three
        line = (coordinates[row, np.uint64(0)] * depth + z) * height + y
        centre = line * width + (x >> 6)
        shift = np.uint64(x & 63)
        below = (one << shift) - one
        bits = np.uint64(0)
        for dz in range(3):
            for dy in range(3):
                at = np.uint64(centre + ((dz - 1) * height + dy - 1) * width)
                word = words[at]
                following = (words[at + one] << one) << (np.uint64(63) - shift)
                three = ((word >> shift) | following) & np.uint64(7)
                here = base + (prefix[at] + np.int64(popcount(word & below))) * stride
                tap = 3 * (3 * dz + dy)
                bits |= three << np.uint64(tap)
                place = np.uint64(tap * TILE + i)
                table[place] = here if three & one else nothing
                here += np.int64(three & one) * stride
                table[place + np.uint64(TILE)] = here if three & np.uint64(2) else nothing
                here += np.int64((three >> one) & one) * stride
                table[place + np.uint64(2 * TILE)] = here if three & np.uint64(4) else nothing
        seen[i // GROUP] |= bits
