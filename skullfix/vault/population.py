"""The vaults of a population of heads, as a checkpoint carries them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skullfix.images.midplane import Plane
from skullfix.images.volume import Volume
from skullfix.vault.directions import mirror_images, vault_directions
from skullfix.vault.pose import fitted_pose, rough_pose
from skullfix.vault.surfaces import plausible, surfaces

_ROUNDS = 3  # of fitting all heads to their mean
_FITTED_ABOVE = 0.0  # lower directions do not count when a head is fitted


@dataclass(frozen=True, eq=False)
class Vaults:
    """The vaults of many heads, each in its own frame.

    Attributes:
        radii: (heads, 2, N) float32, distance of outer and inner surface from the frame's centre
            in each of `vault_directions`, mm; NaN on both where there is no vault.
    """

    radii: NDArray[np.float32]

    @cached_property
    def both_sides(self) -> NDArray[np.float64]:
        """The heads and their mirror images: (2 * heads, 2, N)."""
        mirrored = self.radii[..., mirror_images()]
        return np.concatenate([self.radii, mirrored]).astype(np.float64)

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """The mean head: (2, N) mm; NaN where no head has a vault."""
        known = np.isfinite(self.both_sides)
        total = np.where(known, self.both_sides, 0).sum(0)
        return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)

    def to_fit(self) -> NDArray[np.float64]:
        """Give the mean outer surface, (N,) mm, with NaN where it is not to be fitted to."""
        return _to_fit(self.mean[0])


def gather_vaults(
    skulls: Sequence[tuple[Volume, Plane]], progress: Callable[[str, float], None]
) -> Vaults:
    """Measure the vaults of complete skulls in one common frame.

    The frame is that of the mean head, which is found from the heads' own: each is fitted to the
    mean of all, three times (generalised Procrustes analysis, Gower 1975, with distances along
    rays in place of landmarks).

    Args:
        skulls: Of each its uint8 occupancy, 255 is full, and its mid-sagittal plane.
        progress: Called with a stage and the fraction done.
    """
    directions = vault_directions()
    poses = [rough_pose(bone, plane) for bone, plane in skulls]
    found = [
        surfaces(bone, pose, directions) for (bone, _), pose in zip(skulls, poses, strict=True)
    ]
    for turn in range(_ROUNDS):
        sizes = np.array(found)[:, 0]
        middle = np.nanmedian(sizes, 0)
        scaled = sizes / np.nanmedian(sizes / middle, axis=1, keepdims=True)
        mean = _to_fit(np.nanmean(scaled, 0))
        for number, (bone, _) in enumerate(skulls):
            progress("fitting heads", (turn + number / len(skulls)) / _ROUNDS)
            poses[number] = fitted_pose(bone, poses[number], mean)
            found[number] = surfaces(bone, poses[number], directions)
    progress("fitting heads", 1.0)
    radii = np.array(found)
    good = np.array([plausible(head) for head in radii])
    return Vaults(np.where(good[:, None], radii, np.nan).astype(np.float32))


def _to_fit(outer: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(vault_directions()[:, 2] > _FITTED_ABOVE, outer, np.nan)
