"""A population of hollow balls, made in a moment."""

from __future__ import annotations

import numpy as np
import torch

from skullfix.images.volume import Geometry
from skullfix.training.augment import Head
from skullfix.training.population import Case

SIDE, SPACING = 88, 2.0
GEOMETRY = Geometry((SIDE,) * 3, (SPACING,) * 3, (-88.0, -90.0, 10.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def hollow_ball(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """A skull of that outer radius in voxels and its implant, bool (z, y, x)."""
    z, y, x = np.indices((SIDE,) * 3) - (SIDE - 1) / 2
    distance = np.sqrt(z**2 + (0.9 * y) ** 2 + x**2)
    skull = (distance < radius) & (distance > radius - 4)
    return skull, skull & (z > 0) & (y > 0.6 * radius)


def case(radius: float = 40) -> Case:
    """One case in memory."""
    skull, implant = (torch.from_numpy(a.astype(np.uint8) * 255) for a in hollow_ball(radius))
    return Case("ball", skull, implant, GEOMETRY)


def heads_equal(first: Head, second: Head) -> bool:
    """Whether two heads hold the same bone and implant on the same grid."""
    return first.grid == second.grid and all(
        torch.equal(getattr(first, f), getattr(second, f)) for f in ("rows", "skull", "implant")
    )
