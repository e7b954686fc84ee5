"""Random smooth bodies: shapes to learn from where there are few real ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skullfix.images.resample import spread

_SOLID = (0.25, 0.8)  # radius of a body in half sides of its patch
_CLEFT_SHARE = 0.6  # of the bodies are cut by a cleft, as chambers and vessels lie side by side
_CLOSED, _WIDE = -1.0, 4.0  # half of a cleft's mean width in voxels; below 0 it is closed
_CLEFT_PART = 0.25  # of the body's radius is half a cleft's mean width at most


def random_blob(side: int, rng: np.random.Generator) -> Tensor:
    """Occupancy of a random body about the middle of a patch, (side, side, side) float32, 0 to 1.

    A stretched and turned ball whose surface is pushed in and out by smooth noise of a random
    fineness: from an egg to a lobed organ or a bent tube. It may reach beyond the patch, and a
    cleft, here wide and there closed, may part it.

    Args:
        side: Voxels.
        rng: Source of randomness; the same state gives the same body.
    """
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    stretch = np.exp(rng.normal(0, 0.5, 3))
    radius = rng.uniform(*_SOLID) * side / 2
    shape = torch.from_numpy((axes * stretch / np.cbrt(stretch.prod())).astype(np.float32))
    steps = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    place = [steps.reshape([-1 if i == axis else 1 for i in range(3)]) for axis in range(3)]
    squares = torch.zeros((side,) * 3)
    for row in shape.T:
        squares += (row[0] * place[0] + row[1] * place[1] + row[2] * place[2]) ** 2
    count = int(rng.integers(4, 14))  # control points along a side
    size = rng.uniform(0.1, 0.6) * side / count  # voxels, so that slopes stay gentle
    depth = _as_distance(radius - squares.sqrt() + size * _noise(side, count, rng))
    if rng.random() < _CLEFT_SHARE:
        depth = torch.minimum(depth, _beside_cleft(side, min(_WIDE, _CLEFT_PART * radius), rng))
    return (depth + 0.5).clamp_(0, 1)


def _beside_cleft(side: int, wide: float, rng: np.random.Generator) -> Tensor:
    """Signed distance in voxels to a bent sheet of changing thickness; negative in it."""
    count = int(rng.integers(2, 6))
    sheet = _as_distance(_noise(side, count, rng) * side / count)
    half = rng.uniform(_CLOSED, wide)
    return sheet.abs_() - half - rng.uniform(0, wide / 2) * _noise(side, 6, rng)


def _noise(side: int, count: int, rng: np.random.Generator) -> Tensor:
    """Smooth noise of unit variance at its `count` control points along each side."""
    values = torch.from_numpy(rng.normal(size=(1, count, count, count)).astype(np.float32))
    return spread(values, (side,) * 3)[0]


def _as_distance(values: Tensor) -> Tensor:
    """Divide by the slope, so that the values near zero are distances in voxels."""
    slope = torch.stack(torch.gradient(values)).square_().sum(0).sqrt_()
    return values / slope.clamp_(min=0.2)
