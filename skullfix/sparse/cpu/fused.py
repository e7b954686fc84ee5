"""A convolution and all that follows it in inference, in one pass over the rows.

    tile of 32 rows, in the first-level cache:
        y = max(Σ f · w + bias, 0)      batch norm is folded into w and bias
        y += skip                       of the encoder, where it has the voxel
        scores = heads · y              classifier, and at the finest level the answer

Where the features are not wanted afterwards, as at the finest level, they never leave the cache.
"""

# numba types the kernels by what they are called with.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

from skullfix.sparse.cpu.bitmap import rank
from skullfix.sparse.cpu.convolve import Sight, chunk_rows, packed, see, tile_product
from skullfix.sparse.cpu.crew import share
from skullfix.sparse.cpu.sets import bitmap_of
from skullfix.sparse.cpu.table import SPAN, TILE, new_table
from skullfix.sparse.jit import compiled
from skullfix.sparse.tensor import SparseTensor

CENTRE = 13  # the tap of SAME through which a row sees itself


def convolve_fused(
    view: Sight,
    weight: Tensor,
    bias: Tensor,
    *,
    joined: bool,
    added: SparseTensor | None,
    heads: Tensor,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """See `Backend.fused`; `joined` says that targets may be no voxels of the source."""
    kernel, c_out = packed(weight), weight.shape[2]
    columns = kernel.shape[0] * kernel.shape[3]
    offsets = torch.nn.functional.pad(bias, (0, columns - c_out)).numpy()
    rows = len(view.coordinates)
    out = weight.new_empty(rows if keep else 0, columns)
    scores = weight.new_empty(rows, len(heads))
    skip = weight.new_empty(0, c_out).numpy()
    others = (view.words[:0], view.prefix[:0], view.frame)
    if added is not None and len(added.voxels):
        skip = added.features.detach().contiguous().numpy()
        others = bitmap_of(added.voxels).arrays()
    share(
        rows, _fused_rows, out.numpy(), scores.numpy(), kernel, offsets, chunk_rows(kernel), joined,
        skip, *others, heads.contiguous().numpy(), *view,
    )  # fmt: skip
    return out if columns == c_out else out[:, :c_out].contiguous(), scores


@compiled()
def _finish(block, begin, coordinates, first, count, skip, words, prefix, frame, heads, scores):
    """Add the skip and take the scores of rows `begin` … of a block: rows `first` … of all."""
    channels = heads.shape[1] - 1
    for i in range(count):
        row = first + i
        if len(skip):
            b, z = np.int64(coordinates[row, 0]), np.int64(coordinates[row, 1])
            y, x = np.int64(coordinates[row, 2]), np.int64(coordinates[row, 3])
            other = rank(words, prefix, frame, b, z, y, x)
            if other >= 0:
                for c in range(channels):
                    block[begin + i, c] += skip[other, c]
        for head in range(len(heads)):
            score = heads[head, channels]
            for c in range(channels):
                score += heads[head, c] * block[begin + i, c]
            scores[row, head] = score


@compiled(parallel=True)
def _fused_rows(
    out, scores, weight, bias, chunk, joined,
    skip, skip_words, skip_prefix, skip_frame, heads,
    coordinates, words, prefix, frame, rule, within, features, nothing,
):  # fmt: skip
    """Compute every row."""
    rows, taps = len(coordinates), weight.shape[1]
    zeros, floor = nothing.ctypes.data, bias[0] * 0
    for number in numba.prange((rows + chunk - 1) // chunk):
        table, seen = new_table(taps)
        scratch = np.empty((TILE, len(bias)), weight.dtype)
        for first in range(number * chunk, min(rows, (number + 1) * chunk), TILE):
            count = min(TILE, rows - first)
            see(
                table, seen, first, count,
                coordinates, words, prefix, frame, rule, within, features, nothing,
            )  # fmt: skip
            block, begin = (out, first) if len(out) else (scratch, 0)
            tile_product(block, begin, count, table, seen, weight, bias, floor)
            if joined:
                for i in range(count):
                    if table[CENTRE * SPAN + i] == zeros:
                        block[begin + i] = 0
            _finish(
                block, begin, coordinates, first, count,
                skip, skip_words, skip_prefix, skip_frame, heads, scores,
            )  # fmt: skip
