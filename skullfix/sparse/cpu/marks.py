"""Setting the bits of voxel sets, their parents and their children, on several threads.

Rows are sorted, so all rows of a slab (one volume and one z, or a pair of z) lie together, and the
bits that they set lie in planes which no other slab touches: one thread a slab needs no atomics.
"""

# numba types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numba
import numpy as np

from skullfix.sparse.jit import compiled


@compiled()
def slab_starts(coordinates, halved):
    """First row of every slab of equal (batch, z >> halved), and the number of rows, int64."""
    rows = len(coordinates)
    starts = [0]
    first = 0
    while first < rows:
        b, z = coordinates[first, 0], coordinates[first, 1] >> halved
        low, high, step = first, first + 1, 1
        while high < rows and coordinates[high, 0] == b and coordinates[high, 1] >> halved == z:
            low, step = high, 2 * step  # gallop past the slab's end …
            high = min(rows, high + step)
        while high - low > 1:  # … and halve back to it
            middle = (low + high) // 2
            if coordinates[middle, 0] == b and coordinates[middle, 1] >> halved == z:
                low = middle
            else:
                high = middle
        starts.append(high)
        first = high
    return np.array(starts)


@compiled(parallel=True)
def mark(words, frame, coordinates, starts, halved):
    """Set the bits of rows (N, 4) int32, or of their parents (`halved` 1), slab by slab."""
    depth, height, width = frame[1], frame[2], frame[4]
    for slab in numba.prange(len(starts) - 1):
        for row in range(starts[slab], starts[slab + 1]):
            z = (coordinates[row, 1] >> halved) - frame[5]
            y = (coordinates[row, 2] >> halved) - frame[6]
            x = (coordinates[row, 3] >> halved) - frame[7]
            at = np.uint64(((coordinates[row, 0] * depth + z) * height + y) * width + (x >> 6))
            words[at] |= np.uint64(1) << np.uint64(x & 63)


@compiled(parallel=True)
def mark_children(words, frame, coordinates, starts, children):
    """Set the bits of the cells 2p + {0 … children - 1} of all rows p, slab by slab.

    With more than two children an axis the slabs' planes overlap: give one slab then.
    """
    depth, height, width = frame[1], frame[2], frame[4]
    for slab in numba.prange(len(starts) - 1):
        for row in range(starts[slab], starts[slab + 1]):
            x0 = 2 * coordinates[row, 3] - frame[7]
            for dz in range(children):
                z = 2 * coordinates[row, 1] + dz - frame[5]
                for dy in range(children):
                    y = 2 * coordinates[row, 2] + dy - frame[6]
                    line = ((coordinates[row, 0] * depth + z) * height + y) * width
                    for x in range(x0, x0 + children):
                        words[np.uint64(line + (x >> 6))] |= np.uint64(1) << np.uint64(x & 63)


@compiled(parallel=True)
def extremes(coordinates):
    """Smallest and largest z, y, x of rows (N, 4) int32, N > 0."""
    z0 = y0 = x0 = np.int32(2**31 - 1)
    z1 = y1 = x1 = np.int32(-1)
    for i in numba.prange(len(coordinates)):
        z0, z1 = min(z0, coordinates[i, 1]), max(z1, coordinates[i, 1])
        y0, y1 = min(y0, coordinates[i, 2]), max(y1, coordinates[i, 2])
        x0, x1 = min(x0, coordinates[i, 3]), max(x1, coordinates[i, 3])
    return (z0, y0, x0), (z1, y1, x1)
