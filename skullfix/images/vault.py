"""The skull seen from inside: in which directions from the middle of the braincase there is bone.

Upwards an intact skull shows one thin wall in every direction, below and in front much more bone
behind the first wall (base, orbits, face, jaw). So what is seen tells which way a head lies, how
large the holes of its vault are, and how much of the vault a scan shows at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skullfix.images.cavity import CELL_MM, enclosed_rooms
from skullfix.images.volume import Volume

NEAR_MM, FAR_MM, STEP_MM = 20.0, 140.0, 1.0
"""Where bone is looked for along a ray."""

RAYS = 2000

VAULT_ELEVATION_DEG = 15.0
"""Directions higher than this over the middle of the braincase meet the vault. In none of 48
intact training skulls is one of them open."""


@dataclass(frozen=True, eq=False)
class InsideView:
    """What rays from the middle of the braincase meet.

    Attributes:
        centre: (3,) LPS mm.
        directions: (N, 3) unit vectors, LPS, even over the sphere.
        first: (N,) mm to the first bone, NaN where there is none.
        depth: (N,) mm from the first bone to the last, 0 where there is none.
        unseen: (N,) bool, the ray meets no bone and leaves the scan nearer than the nearest wall
            in another direction.
    """

    centre: NDArray[np.float64]
    directions: NDArray[np.float64]
    first: NDArray[np.float64]
    depth: NDArray[np.float64]
    unseen: NDArray[np.bool_]

    @property
    def vault(self) -> NDArray[np.bool_]:
        """(N,) which directions meet the vault of a head that lies as its header says."""
        above: NDArray[np.bool_] = self.directions[:, 2] > np.sin(np.radians(VAULT_ELEVATION_DEG))
        return above

    @property
    def open_share(self) -> float:
        """Share of the vault's directions that the scan shows to be without bone, 0 to 1."""
        return float((np.isnan(self.first) & ~self.unseen)[self.vault].mean())

    @property
    def unseen_share(self) -> float:
        """Share of the vault's directions in which the scan ends before any bone, 0 to 1."""
        return float(self.unseen[self.vault].mean())

    def area_cm2(self, share: float) -> float:
        """Area of that share of the vault."""
        angle = 2 * np.pi * (1 - np.sin(np.radians(VAULT_ELEVATION_DEG)))
        walls = self.first[self.vault & ~np.isnan(self.first)]
        radius = float(np.median(walls)) if len(walls) else 70.0
        return float(share * angle * radius**2 / 100)


def middle_of_braincase(bone: Volume) -> NDArray[np.float64] | None:
    """Find the middle of the largest room that bone encloses on most sides.

    Args:
        bone: bool (z, y, x).

    Returns:
        (3,) LPS mm, None where there is no such room.
    """
    steps = [max(int(0.75 * CELL_MM / size), 1) for size in bone.geometry.spacing[::-1]]
    rows = np.argwhere(bone.array[:: steps[0], :: steps[1], :: steps[2]]) * steps
    if not len(rows):
        return None
    points = bone.geometry.positions(rows)
    cell = max(CELL_MM, 1.8 * max(bone.geometry.spacing))
    rooms, low = enclosed_rooms(points, cell)
    sizes = np.bincount(rooms.ravel(), minlength=2)
    sizes[0] = 0
    if not sizes.any():
        return None
    inside = np.argwhere(rooms == sizes.argmax())
    middle: NDArray[np.float64] = low + (inside.mean(0) + 0.5) * cell
    return middle


def look_around(bone: Volume, centre: NDArray[np.float64]) -> InsideView:
    """Follow rays outwards through a skull.

    Args:
        bone: bool (z, y, x).
        centre: (3,) LPS mm, of `middle_of_braincase`.
    """
    directions = _sphere(RAYS)
    along = np.arange(NEAR_MM, FAR_MM, STEP_MM)
    inverse = np.linalg.inv(bone.geometry.affine())
    start = inverse[:3, :3] @ centre + inverse[:3, 3]
    index = np.rint(start + (directions @ inverse[:3, :3].T)[:, None] * along[:, None])
    size = np.asarray(bone.geometry.size)
    inside = ((index >= 0) & (index < size)).all(2)  # (ray, step)
    x, y, z = np.moveaxis(np.clip(index, 0, size - 1).astype(np.int64), 2, 0)
    hit = bone.array[z, y, x].astype(np.bool_) & inside
    met = hit.any(1)
    first, last = along[hit.argmax(1)], along[::-1][hit[:, ::-1].argmax(1)]
    edge = np.where(inside.all(1), np.inf, along[(~inside).argmax(1)])
    wall = np.full(RAYS, np.inf)
    if met.any():
        nearest = cKDTree(directions[met]).query(directions)[1]
        wall = first[met][nearest]
    return InsideView(
        centre,
        directions,
        np.where(met, first, np.nan),
        np.where(met, last - first, 0.0),
        ~met & (edge < wall),
    )


def _sphere(count: int) -> NDArray[np.float64]:
    """Spread unit vectors evenly, (count, 3) (a Fibonacci lattice)."""
    height = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + np.sqrt(5)) * (np.arange(count) + 0.5)
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), height], 1)
