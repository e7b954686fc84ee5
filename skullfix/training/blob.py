"""Random smooth bodies: shapes to learn from where there are few real ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

_SOLID = (0.25, 0.8)  # radius of a body in half sides of its patch


def random_blob(side: int, rng: np.random.Generator) -> Tensor:
    """Occupancy of a random body about the middle of a patch, (side, side, side) float32, 0 to 1.

    A stretched and turned ball whose surface is pushed in and out by smooth noise of a random
    fineness: from an egg to a lobed organ or a bent tube. It may reach beyond the patch.

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
    noise = torch.from_numpy(rng.normal(size=(1, 1, count, count, count)).astype(np.float32))
    bumps = interpolate(noise, size=(side,) * 3, mode="trilinear", align_corners=True)[0, 0]
    size = rng.uniform(0.1, 0.6) * side / count  # voxels, so that slopes stay gentle
    depth = radius - squares.sqrt() + size * bumps
    slope = torch.stack(torch.gradient(depth)).square_().sum(0).sqrt_().clamp_(min=0.2)
    return (depth / slope + 0.5).clamp_(0, 1)
