"""What the sparse operations mean, by dense convolution; imports nothing of skullfix.

Everything is done on a dense grid and read off at the voxels. Voxels far apart would need a huge
grid, so long empty stretches along an axis are first shortened by an even number of cells, which
changes no neighbourhood and no parity.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv3d, conv_transpose3d

WIDTH = {"same": 3, "down": 2, "up2": 2, "up4": 4}
LONGEST_GAP = 12


def compact(coordinates: Tensor) -> Tensor:
    """(N, 4) rows with every empty stretch longer than LONGEST_GAP cells cut down, int64."""
    out = coordinates.long().clone()
    for axis in (1, 2, 3):
        values = sorted(set(out[:, axis].tolist()))
        removed, before, moved = 0, 0, {}
        for value in values:
            gap = value - before
            if gap > LONGEST_GAP:
                removed += (gap - LONGEST_GAP) // 2 * 2
            moved[value] = value - removed
            before = value
        out[:, axis] = torch.tensor([moved[v] for v in out[:, axis].tolist()], dtype=torch.int64)
    return out


def targets(kind: str, coordinates: Tensor) -> Tensor:
    """Rows of the output voxels, (M, 4) int64, sorted, without repetition."""
    rows = {tuple(row) for row in coordinates.tolist()}
    if kind == "down":
        rows = {(b, z // 2, y // 2, x // 2) for b, z, y, x in rows}
    elif kind != "same":
        digits = list(itertools.product(range(WIDTH[kind]), repeat=3))
        rows = {
            (b, 2 * z + dz, 2 * y + dy, 2 * x + dx) for b, z, y, x in rows for dz, dy, dx in digits
        }
    return torch.tensor(sorted(rows), dtype=torch.int64).reshape(-1, 4)


def convolve(kind: str, features: Tensor, coordinates: Tensor, weight: Tensor) -> Tensor:
    """Convolve on a dense grid.

    Args:
        kind: ``same``, ``down``, ``up2`` or ``up4``.
        features: (N, C_in), differentiable.
        coordinates: (N, 4) distinct rows.
        weight: (taps, C_in, C_out), x fastest, differentiable.

    Returns:
        (M, C_out) on `targets`, in their order.
    """
    small, width = compact(coordinates), WIDTH[kind]
    found = targets(kind, small)
    if not len(small):
        return features.new_zeros(0, weight.shape[2]) + 0 * weight.sum() + 0 * features.sum()
    batch = int(small[:, 0].max()) + 1
    shape = (small[:, 1:].amax(0) // 2 * 2 + 2).tolist()  # even
    b, z, y, x = small.unbind(1)
    grid = features.new_zeros(batch, *shape, features.shape[1])
    grid = grid.index_put((b, z, y, x), features).permute(0, 4, 1, 2, 3)
    kernel = weight.reshape(width, width, width, *weight.shape[1:])  # [z, y, x, C_in, C_out]
    if kind == "same":
        dense = conv3d(grid, kernel.permute(4, 3, 0, 1, 2), padding=1)
    elif kind == "down":
        dense = conv3d(grid, kernel.permute(4, 3, 0, 1, 2), stride=2)
    else:
        dense = conv_transpose3d(grid, kernel.permute(3, 4, 0, 1, 2), stride=2)
    b, z, y, x = found.unbind(1)
    return dense[b, :, z, y, x]


def rows_of(coordinates: Tensor) -> dict[tuple[int, ...], int]:
    """Row number by coordinates."""
    return {tuple(row): number for number, row in enumerate(coordinates.tolist())}


def normalise(
    features: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Batch normalisation over the rows: result, mean, unbiased variance."""
    mean, variance = features.mean(0), features.var(0, unbiased=False)
    out = (features - mean) / torch.sqrt(variance + eps) * weight + bias
    return out, mean.detach().numpy(), features.var(0).detach().numpy()
