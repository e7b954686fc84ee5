"""The engine's kernels: for a tile of rows, fetch (or add up) what each tap sees.

One thread owns a row, so nothing is written twice and no atomics are needed.
"""

from __future__ import annotations

import numba
import numpy as np

from skullfix.sparse.cpu.bitmap import popcount, rank


@numba.njit(cache=True, nogil=True, parallel=True)
def gather_tile(  # type: ignore[no-untyped-def]
    out, features, coordinates, start, words, prefix, low, scale, sign, shift, divisor, width
):
    """Fill ``out[i, k, :]`` with the features that row ``start + i`` sees through tap k, or 0.

    Args:
        out: (tile, taps, C) float, overwritten.
        features: (N_source, C) float.
        coordinates: (N_target, 4) int32.
        start: First row of the tile.
        words: Bits of the source voxels, see `Bitmap`.
        prefix: Their running count.
        low: First cell of their box.
        scale: Of the relation's rule, as are the next four.
        sign: See `Relation`.
        shift: See `Relation`.
        divisor: See `Relation`.
        width: Taps along an axis.
    """
    channels = features.shape[1]
    for i in numba.prange(out.shape[0]):
        b = coordinates[start + i, 0]
        z0 = coordinates[start + i, 1] * scale + shift
        y0 = coordinates[start + i, 2] * scale + shift
        x0 = coordinates[start + i, 3] * scale + shift
        tap = 0
        for kz in range(width):
            z = z0 + sign * kz
            z_whole = divisor == 1 or (z & 1) == 0
            z = (z >> (divisor - 1)) - low[1] + 1
            for ky in range(width):
                y = y0 + sign * ky
                y_whole = z_whole and (divisor == 1 or (y & 1) == 0)
                y = (y >> (divisor - 1)) - low[2] + 1
                for kx in range(width):
                    x = x0 + sign * kx
                    row = np.int64(-1)
                    if y_whole and (divisor == 1 or (x & 1) == 0):
                        x = (x >> (divisor - 1)) - low[3] + 1
                        row = rank(words, prefix, b, z, y, x)
                    if row >= 0:
                        for c in range(channels):
                            out[i, tap, c] = features[row, c]
                    else:
                        for c in range(channels):
                            out[i, tap, c] = 0
                    tap += 1


@numba.njit(cache=True, nogil=True, parallel=True)
def gather_same(out, features, coordinates, start, words, prefix, low, sign):  # type: ignore[no-untyped-def]
    """`gather_tile` for the relation SAME and its reverse, where rows see their own set.

    The border of the bitmap makes every look-up legal, and the three cells of a run along x lie
    in one word or two, so one count serves all three.

    Args:
        out: (tile, 27, C) float, overwritten.
        features: (N, C) float.
        coordinates: (N, 4) int32.
        start: First row of the tile.
        words: Bits of the set, see `Bitmap`.
        prefix: Their running count.
        low: First cell of the box.
        sign: +1 for SAME, -1 for its reverse.
    """
    channels = features.shape[1]
    for i in numba.prange(out.shape[0]):
        b = coordinates[start + i, 0]
        x = coordinates[start + i, 3] - low[3]  # the first of the three cells, border counted
        word, shift = x >> 6, np.uint64(x & 63)
        for line in range(9):
            dz, dy = line // 3 - 1, line % 3 - 1
            z = coordinates[start + i, 1] - low[1] + 1 + sign * dz
            y = coordinates[start + i, 2] - low[2] + 1 + sign * dy
            bits = words[b, z, y, word] >> shift
            if shift > 61 and word + 1 < words.shape[3]:
                bits |= words[b, z, y, word + 1] << (np.uint64(64) - shift)
            bits &= np.uint64(7)
            if bits == 0:
                for tap in range(3 * line, 3 * line + 3):
                    for c in range(channels):
                        out[i, tap, c] = 0
                continue
            below = words[b, z, y, word] & ((np.uint64(1) << shift) - np.uint64(1))
            row = prefix[b, z, y, word] + np.int64(popcount(below))
            for step in range(3):
                tap = 3 * line + (step if sign > 0 else 2 - step)
                if (bits >> np.uint64(step)) & np.uint64(1):
                    for c in range(channels):
                        out[i, tap, c] = features[row, c]
                    row += 1
                else:
                    for c in range(channels):
                        out[i, tap, c] = 0


@numba.njit(cache=True, nogil=True, parallel=True)
def collect_children(  # type: ignore[no-untyped-def]
    out, products, coordinates, words, prefix, low, width
):
    """Sum, for every fine row, what its parents computed for it (the forward of UP2 and UP4).

    Args:
        out: (N_fine, C) float, overwritten.
        products: (N_coarse, taps, C) float, each parent's contribution to each of its children.
        coordinates: (N_fine, 4) int32.
        words: Bits of the coarse voxels, see `Bitmap`.
        prefix: Their running count.
        low: First cell of their box.
        width: 2 or 4 taps along an axis.
    """
    channels = products.shape[2]
    for i in numba.prange(out.shape[0]):
        b = coordinates[i, 0]
        for c in range(channels):
            out[i, c] = 0
        for kz in range(coordinates[i, 1] & 1, width, 2):
            z = ((coordinates[i, 1] - kz) >> 1) - low[1] + 1
            for ky in range(coordinates[i, 2] & 1, width, 2):
                y = ((coordinates[i, 2] - ky) >> 1) - low[2] + 1
                for kx in range(coordinates[i, 3] & 1, width, 2):
                    x = ((coordinates[i, 3] - kx) >> 1) - low[3] + 1
                    row = rank(words, prefix, b, z, y, x)
                    if row >= 0:
                        tap = (kz * width + ky) * width + kx
                        for c in range(channels):
                            out[i, c] += products[row, tap, c]


@numba.njit(cache=True, nogil=True, parallel=True)
def find_rows(coordinates, words, prefix, low):  # type: ignore[no-untyped-def]
    """Row of each of `coordinates` (N, 4) int32 in a bitmap's set, (N,) int64, -1 for none."""
    out = np.empty(len(coordinates), np.int64)
    for i in numba.prange(len(coordinates)):
        out[i] = -1
        if coordinates[i, 0] < words.shape[0]:
            out[i] = rank(
                words,
                prefix,
                coordinates[i, 0],
                coordinates[i, 1] - low[1] + 1,
                coordinates[i, 2] - low[2] + 1,
                coordinates[i, 3] - low[3] + 1,
            )
    return out
