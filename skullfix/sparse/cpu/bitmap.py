"""Where is voxel (b, z, y, x) among the rows?  A bitmap with a running count answers.

One bit a cell; x runs along the bits of 64-bit words. There is one border cell on every side, so
that a neighbour never has to be checked against the box's edge:

    cell x:     0 1 2 3 … 63 | 64 65 … 127 | …         the words of one line (b, z, y)
    bits:       0 0 1 1 …  0 |  1  0 …   0 | …
    prefix:     r            |  r + popcount(word 0)   rows before this word

    row of a voxel = prefix[word] + popcount(bits of the word below its own)

    example: prefix = 70, word = … 0 0 1 0 1 1 0 (bit 0 on the right)
             cell 4 is set; below it are 2 set bits; so it is row 72. Cell 3 is not a voxel.

Rows are sorted by (batch, z, y, x), so counting set bits in memory order counts rows. A set of
N voxels in a box of V cells costs V/8 bytes for the bits and V/16 for the counts; nothing is
hashed, and no list of neighbours is ever stored.
"""

# numba types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.extending import intrinsic
from numpy.typing import NDArray

from skullfix.errors import MemoryLimitError
from skullfix.sparse.jit import compiled

CELL_LIMIT = 1 << 33  # 1 GB of bits and half of that in counts


def _popcount(typing_context, word):
    """Count the set bits of a uint64, by the processor's own instruction."""

    def build(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return numba.uint64(numba.uint64), build


popcount: Any = intrinsic(_popcount)


class Box(NamedTuple):
    """The cells of a bitmap: what its lines and bits mean.

    Attributes:
        shape: (B, Z, Y, X) cells, the border counted.
        width: Words of a line, X / 64 rounded up.
        origin: (z, y, x) coordinates of the cell (0, 0, 0), which is border.
    """

    shape: tuple[int, int, int, int]
    width: int
    origin: tuple[int, int, int]

    @classmethod
    def around(cls, batch: int, low: tuple[int, ...], high: tuple[int, ...]) -> Box:
        """Make the box of the cells from `low` to `high` (z, y, x) inclusive, with the border.

        Raises:
            MemoryLimitError: It would be larger than CELL_LIMIT.
        """
        z, y, x = (int(last) - int(first) + 3 for first, last in zip(low, high, strict=True))
        width = (x + 63) // 64
        cells = math.prod((batch, z, y, width, 64))  # of Python: may pass 2^63
        if cells > CELL_LIMIT:
            raise MemoryLimitError(
                f"voxels spread over a box of {cells:,} cells, more than {CELL_LIMIT:,}",
                hint="use --backend reference, whose memory does not depend on the extent",
            )
        return cls((batch, z, y, x), width, (int(low[0]) - 1, int(low[1]) - 1, int(low[2]) - 1))

    @property
    def frame(self) -> NDArray[np.int64]:
        """The same for kernels: (8,) int64, B, Z, Y, X, width, then the origin's z, y, x."""
        return np.array((*self.shape, self.width, *self.origin), np.int64)

    @property
    def low(self) -> tuple[int, int, int]:
        """First cell (z, y, x) within the border."""
        z, y, x = self.origin
        return z + 1, y + 1, x + 1

    @property
    def high(self) -> tuple[int, int, int]:
        """Last cell (z, y, x) within the border."""
        (_, depth, height, length), (z, y, x) = self.shape, self.origin
        return z + depth - 2, y + height - 2, x + length - 2

    def cleared(self) -> NDArray[np.uint64]:
        """Clear words for all lines, and one more, so that a next one always exists."""
        return np.zeros(math.prod(self.shape[:3]) * self.width + 1, np.uint64)


class Bitmap(NamedTuple):
    """The bits and counts of a voxel set.

    Attributes:
        words: (B · Z · Y · width + 1,) uint64, bit i of word w of a line is the cell x = 64 w + i.
        prefix: Same shape, int32, set bits in all words before.
        box: What the words mean.
    """

    words: NDArray[np.uint64]
    prefix: NDArray[np.int32]
    box: Box

    def arrays(self) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int64]]:
        """Words, prefix and frame, as the kernels take them."""
        return self.words, self.prefix, self.box.frame


@compiled()
def count_before(words):
    """Count the set bits before each word, int32, and in all."""
    prefix = np.empty(words.size, np.int32)
    total = np.int64(0)
    for i in range(words.size):
        prefix[i] = total
        if words[i]:
            total += np.int64(popcount(words[i]))
    return prefix, total


@compiled(parallel=True)
def list_bits(words, prefix, frame, total):
    """List the marked cells as sorted rows (total, 4) int32."""
    out = np.empty((total, 4), np.int32)
    depth, height, width = frame[1], frame[2], frame[4]
    for plane in numba.prange(frame[0] * depth):
        row = np.int64(prefix[plane * height * width])
        for line in range(plane * height, (plane + 1) * height):
            for w in range(width):
                word = words[line * width + w]
                while word:
                    lowest = word & (~word + np.uint64(1))
                    out[row, 0] = plane // depth
                    out[row, 1] = plane % depth + frame[5]
                    out[row, 2] = line % height + frame[6]
                    bit = np.int64(popcount(lowest - np.uint64(1)))
                    out[row, 3] = (w << 6) + bit + frame[7]
                    row += 1
                    word ^= lowest
    return out


@compiled(inline="always")
def rank(words, prefix, frame, b, z, y, x):
    """Row of the cell with coordinates (z, y, x) in volume b, -1 where there is no voxel."""
    z, y, x = z - frame[5], y - frame[6], x - frame[7]
    if z < 0 or y < 0 or x < 0 or z >= frame[1] or y >= frame[2] or x >= frame[3]:
        return np.int64(-1)
    if b >= frame[0]:
        return np.int64(-1)
    at = np.uint64(((b * frame[1] + z) * frame[2] + y) * frame[4] + (x >> 6))
    bit = np.uint64(1) << np.uint64(x & 63)
    word = words[at]
    if word & bit:
        return prefix[at] + np.int64(popcount(word & (bit - np.uint64(1))))
    return np.int64(-1)


@compiled(parallel=True)
def find_rows(coordinates, words, prefix, frame):
    """Row of each of `coordinates` (N, 4) int32 in a bitmap's set, (N,) int64, -1 for none."""
    out = np.empty(len(coordinates), np.int64)
    for i in numba.prange(len(coordinates)):
        b, z = np.int64(coordinates[i, 0]), np.int64(coordinates[i, 1])
        y, x = np.int64(coordinates[i, 2]), np.int64(coordinates[i, 3])
        out[i] = rank(words, prefix, frame, b, z, y, x)
    return out
