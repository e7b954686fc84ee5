"""Heads that are hollow ellipsoids, whose surfaces are known exactly."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from skullfix.images.midplane import Plane
from skullfix.images.volume import Geometry, Volume
from skullfix.vault.directions import vault_directions
from skullfix.vault.population import Vaults
from skullfix.vault.surfaces import Pose

SIDE, SPACING = 100, 2.0
GEOMETRY = Geometry((SIDE,) * 3, (SPACING,) * 3, (-99.0, -99.0, -99.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
UPRIGHT = Pose(np.zeros(3), np.eye(3))
PLANE = Plane((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
AXES = (70.0, 86.0, 74.0)


def radius(
    axes: tuple[float, float, float], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of an ellipsoid's surface from its centre, mm."""
    return np.asarray(1 / np.sqrt(((directions / axes) ** 2).sum(-1)))


def shell(
    axes: tuple[float, float, float] = AXES, thickness: float = 6.0, pose: Pose = UPRIGHT
) -> Volume:
    """A hollow ellipsoid as uint8 occupancy, partial volumes included."""
    index = np.stack(np.meshgrid(*(np.arange(SIDE),) * 3, indexing="ij"), -1)[..., ::-1]
    points = pose.own(index * SPACING + np.array(GEOMETRY.origin))
    far = np.linalg.norm(points, axis=-1)
    outer = radius(axes, points / np.maximum(far, 1e-9)[..., None])
    depth = np.minimum(outer - far, far - (outer - thickness))
    return Volume((255 * np.clip(0.5 + depth / SPACING, 0, 1)).round().astype(np.uint8), GEOMETRY)


@cache
def population(count: int = 12) -> Vaults:
    """Ellipsoids of many shapes, exactly."""
    rng = np.random.default_rng(0)
    heads = []
    for _ in range(count):
        x, y, z = np.array(AXES) * np.exp(rng.normal(0, 0.06, 3))
        outer = radius((x, y, z), vault_directions())
        heads.append([outer, outer - rng.uniform(5, 7)])
    return Vaults(np.array(heads, np.float32))


def hole(reach: float = 0.5) -> NDArray[np.bool_]:
    """Directions of a round hole, `reach` radians wide to each side, at the back and above."""
    middle = np.array((0.1, 0.6, 0.8)) / np.linalg.norm((0.1, 0.6, 0.8))
    return np.asarray(vault_directions() @ middle > np.cos(reach))
