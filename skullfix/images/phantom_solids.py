"""Solids of a synthetic head as (approximate) signed distances, and how they become grey values.

Positions are LPS millimetres, one array along each axis that broadcast to (z, y, x); distances are
float32 millimetres, negative inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Point = tuple[float, float, float]


def ellipsoid(point: tuple[Field, Field, Field], centre: Point, half: Point) -> Field:
    """Distance to an ellipsoid with half-axes along x, y and z."""
    offset = [p - np.float32(c) for p, c in zip(point, centre, strict=True)]
    near = sum((o / np.float32(h)) ** 2 for o, h in zip(offset, half, strict=True))
    slope = sum((o / np.float32(h * h)) ** 2 for o, h in zip(offset, half, strict=True))
    norm = np.sqrt(near)
    distance = norm * (norm - 1.0) / np.sqrt(np.maximum(slope, np.float32(1e-8)))
    filled: Field = np.where(norm < 1e-3, -min(half), distance).astype(np.float32)
    return filled


def tube(point: tuple[Field, Field, Field], start: Point, end: Point, radius: float) -> Field:
    """Distance to a rod with rounded ends."""
    axis = np.subtract(end, start)
    offset = [p - np.float32(c) for p, c in zip(point, start, strict=True)]
    projected = sum(o * np.float32(a) for o, a in zip(offset, axis, strict=True))
    along = np.clip(projected / np.float32(axis @ axis), 0, 1)
    square = sum((o - along * np.float32(a)) ** 2 for o, a in zip(offset, axis, strict=True))
    distance: Field = np.sqrt(square) - np.float32(radius)
    return distance


def paint(hu: Field, distance: Field, value: float | Field, blur: float) -> None:
    """Lay a material over ``hu``, its edge one voxel wide."""
    weight = np.clip(np.float32(0.5) - distance / np.float32(blur), 0, 1)
    hu += weight * (value - hu)
