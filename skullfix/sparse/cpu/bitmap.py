"""Where is voxel (b, z, y, x) among the rows?  A bitmap with a running count answers.

    one bit a cell, x runs along the bits of 64-bit words; one border cell on every side, so that
    a neighbour never has to be checked against the grid's edge:

        x + 1:      0 1 2 3 … 63 | 64 65 … 127 | …         words of row (b, z, y)
        bits:       0 0 1 1 …  0 |  1  0 …   0 | …
        prefix:     r            |  r + popcount(word 0)   rows before this word

    row of a voxel = prefix[word] + popcount(bits of the word below its own)

Rows are sorted by (batch, z, y, x), so counting set bits in memory order counts rows. A set of
N voxels in a box of V cells costs V/8 bytes for the bits and V/16 for the counts; nothing is
hashed, and no list of neighbours is ever stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic
from numpy.typing import NDArray

from skullfix.errors import MemoryLimitError

CELL_LIMIT = 1 << 33  # 1 GB of bits and half of that in counts


def _popcount(typing_context, word):  # type: ignore[no-untyped-def]
    """Count the set bits of a uint64, by the processor's own instruction."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctpop(arguments[0])

    return numba.uint64(numba.uint64), build


popcount: Any = intrinsic(_popcount)


@dataclass(frozen=True, eq=False)
class Bitmap:
    """The bits and counts of a voxel set.

    Attributes:
        words: (B, Z + 2, Y + 2, W) uint64, bit i of word w is the cell x + 1 = 64 w + i.
        prefix: same shape, int32, set bits in all words before.
        low: (4,) int32, (0, z, y, x) of the box's first cell, subtracted from coordinates.
    """

    words: NDArray[np.uint64]
    prefix: NDArray[np.int32]
    low: NDArray[np.int32]


def empty_words(batch: int, low: NDArray[np.int32], high: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Make cleared words for cells from `low` to `high` (4,) inclusive, with the border."""
    extent = [int(n) + 3 for n in (high - low)[1:]]
    shape = (batch, extent[0], extent[1], (extent[2] + 63) // 64)
    cells = math.prod(shape) * 64  # of Python: may pass 2^63
    if cells > CELL_LIMIT:
        raise MemoryLimitError(
            f"voxels spread over a box of {cells:,} cells, more than {CELL_LIMIT:,}",
            hint="use --backend reference, whose memory does not depend on the extent",
        )
    return np.zeros(shape, np.uint64)


@numba.njit(cache=True, nogil=True)
def set_bits(words, coordinates, low):  # type: ignore[no-untyped-def]
    """Mark rows (N, 4) int32; marking twice is harmless."""
    for row in range(len(coordinates)):
        x = coordinates[row, 3] - low[3] + 1
        bit = np.uint64(1) << np.uint64(x & 63)
        words[
            coordinates[row, 0],
            coordinates[row, 1] - low[1] + 1,
            coordinates[row, 2] - low[2] + 1,
            x >> 6,
        ] |= bit


@numba.njit(cache=True, nogil=True)
def count_before(words):  # type: ignore[no-untyped-def]
    """Count the set bits before each word, int32, and in all."""
    prefix = np.empty(words.shape, np.int32)
    flat_words, flat_prefix = words.ravel(), prefix.ravel()
    total = 0
    for i in range(flat_words.size):
        flat_prefix[i] = total
        if flat_words[i]:
            total += popcount(flat_words[i])
    return prefix, total


@numba.njit(cache=True, nogil=True)
def list_bits(words, low, total):  # type: ignore[no-untyped-def]
    """List the marked cells as sorted rows (total, 4) int32."""
    out = np.empty((total, 4), np.int32)
    row = 0
    batch, depth, height, width = words.shape
    for b in range(batch):
        for z in range(depth):
            for y in range(height):
                for w in range(width):
                    word = words[b, z, y, w]
                    base = low[3] - 1 + (w << 6)
                    while word:
                        lowest = word & (~word + np.uint64(1))
                        out[row, 0] = b
                        out[row, 1] = z + low[1] - 1
                        out[row, 2] = y + low[2] - 1
                        out[row, 3] = base + popcount(lowest - np.uint64(1))
                        row += 1
                        word ^= lowest
    return out


@numba.njit(cache=True, nogil=True, inline="always")
def rank(words, prefix, b, z, y, x):  # type: ignore[no-untyped-def]
    """Row of the cell (z, y, x counted with the border), -1 where there is no voxel or no cell."""
    if z < 0 or y < 0 or x < 0:
        return -1
    if z >= words.shape[1] or y >= words.shape[2] or (x >> 6) >= words.shape[3]:
        return -1
    word = words[b, z, y, x >> 6]
    bit = np.uint64(x & 63)
    if (word >> bit) & np.uint64(1):
        below = word & ((np.uint64(1) << bit) - np.uint64(1))
        return prefix[b, z, y, x >> 6] + np.int64(popcount(below))
    return -1
