"""The same head in another scan: thicker or thinner bone, thicker slices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skullfix.images.resample import spread
from skullfix.training.variety import WIDE, Variety

_FAINT = 0.02  # fractions below this are nothing


@dataclass(frozen=True, eq=False)
class Look:
    """How a scanner, a threshold or another person changes the bone.

    Attributes:
        growth: (d, h, w) float32 at control points spread over the head: by how many voxels of
            the network's grid each surface moves outwards (negative: inwards).
        slice_mm: Thickness of the scan's slices along the head's z; 0 for thin ones.
    """

    growth: Tensor
    slice_mm: float


def random_look(rng: np.random.Generator, variety: Variety = WIDE) -> Look:
    """Draw thickness (each surface moved by about half a voxel at most, unevenly) and slices."""
    varied, sliced = rng.random(2)
    regrown = varied < variety.regrown
    level = float(np.clip(rng.normal(0, variety.growth), -0.45, 0.5)) if regrown else 0.0
    uneven = rng.normal(0, variety.uneven, (4, 4, 4)) * regrown
    growth = torch.from_numpy(np.clip(level + uneven, -0.6, 0.6).astype(np.float32))
    slice_mm = float(rng.uniform(2.5, 5.0))
    return Look(growth, slice_mm if sliced < variety.sliced else 0.0)


def change_look(
    skull: Tensor, implant: Tensor, look: Look, spacing: float
) -> tuple[Tensor, Tensor]:
    """Apply a look to occupancies, 0 to 1.

    Args:
        skull: (z, y, x) float32 fraction of bone.
        implant: The same shape; the part of it that belongs to the implant.
        look: What to change.
        spacing: Of the grid, mm.

    Returns:
        Both, changed; the implant's share of the bone stays what it was, place by place.
    """
    known = bool(implant.any())
    if look.slice_mm:
        skull = _slices(skull, look.slice_mm / spacing)
        implant = _slices(implant, look.slice_mm / spacing) if known else implant
    around = _mean(skull)
    growth = spread(look.growth[None], skull.shape)[0]
    # A flat surface has a third of its neighbourhood on the other side: hence the factor.
    moved = skull + 3 * growth * torch.where(growth > 0, around, 1 - around)
    changed = torch.nn.functional.threshold(moved.clamp_(0, 1), _FAINT, 0.0)
    if not known:
        return changed, implant
    near = _mean(implant) / around.clamp(min=1e-6)
    share = torch.where(skull > _FAINT, implant / skull.clamp(min=_FAINT), near)
    return changed, changed * share.clamp(0, 1)


def _mean(values: Tensor) -> Tensor:
    """Mean over 3 x 3 x 3 voxels, of which those beyond the grid are empty."""
    for axis in range(3):
        empty = torch.zeros_like(values.narrow(axis, 0, 1))
        padded = torch.cat([empty, values, empty], axis)
        size = values.shape[axis]
        values = (
            padded.narrow(axis, 0, size)
            + padded.narrow(axis, 1, size)
            + padded.narrow(axis, 2, size)
        )
    return values / 27


def _slices(values: Tensor, thickness: float) -> Tensor:
    """Keep one plane every `thickness` voxels along z and interpolate between them."""
    depth = max(2, math.ceil(values.shape[0] / thickness))
    height, width = values.shape[1:]
    for size in ((depth, height, width), tuple(values.shape)):
        values = spread(values[None], size)[0]
    return values
