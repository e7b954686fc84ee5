"""Heads of two people: a part of one person's bone in another's.

With a few dozen heads to learn from, a network comes to know each of them, and what it remembers
of a face is of no use for another one. In a head of two people, brought into one shape by
registration first, what is seen on one side of a seam does not tell whose bone lies beyond it.
(Mixing two samples by a mask is CutMix, Yun et al. 2019; here both halves correspond.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.images.resample import spread, trilinear
from skullfix.training.morph import Morph
from skullfix.training.population import Case

_CONTROLS = 5  # points along each axis between which the seams run: a patch is some 5 cm wide
_SHARPNESS = 4.0  # a seam is some 6 mm wide


@dataclass(frozen=True, eq=False)
class Graft:
    """A second head that gives bone to a first one.

    Attributes:
        case: The head that gives.
        morph: Its way to the shape that the first is brought to.
        where: (d, h, w) float32 at control points spread over the new head's grid: its own bone
            where it is positive.
    """

    case: Case
    morph: Morph
    where: Tensor

    def onto(
        self, skull: Tensor, field: Tensor, controls: NDArray[np.float64], first: Morph, case: Case
    ) -> Tensor:
        """Put its bone into the first head.

        Args:
            skull: (z, y, x) float32 fraction of the first head's bone on the new head's grid.
            field: (z, y, x, 3) which index (x, y, z) of the first case's arrays that is.
            controls: (d, h, w, 3) where points spread over that grid lie in the shape that both
                are brought to, LPS mm in the first head's world.
            first: The first head's way there.
            case: The first head.

        Returns:
            The same shape; empty where the scan of one of them has ended.
        """
        points = controls - first.source.centre + self.morph.source.centre
        there = index_field(self.case, self.morph.source_points(points), skull.shape)
        other = trilinear(self.case.whole.float(), there) / 255
        share = (0.5 + _SHARPNESS * spread(self.where[None], skull.shape)[0]).clamp_(0, 1)
        scanned = _scanned(case, field) & _scanned(self.case, there)
        return torch.where(scanned, skull + share * (other - skull), 0.0)


def _scanned(case: Case, field: Tensor) -> Tensor:
    """Tell which voxels lie between the first and the last slice that hold bone, (z, y, x)."""
    slices = field[..., 2]
    return (slices > -0.5) & (slices < case.geometry.size[2] - 0.5)


def random_seams(rng: np.random.Generator) -> Tensor:
    """Draw `Graft.where`: alike on both sides, as heads are."""
    where = rng.normal(size=(_CONTROLS,) * 3)
    return torch.from_numpy(((where + where[..., ::-1]) / np.sqrt(2)).astype(np.float32))


def index_field(case: Case, controls: NDArray[np.float64], size: torch.Size) -> Tensor:
    """Tell which index of a case's arrays each voxel of a grid shows.

    Args:
        case: Whose grid is indexed.
        controls: (d, h, w, 3) LPS mm in the case's world, at points spread over the grid; exact
            there and interpolated between them, which leaves affine maps exact too.
        size: (z, y, x) of the grid.

    Returns:
        (z, y, x, 3) float32, index (x, y, z).
    """
    to_index = np.linalg.inv(case.geometry.affine())
    index = (controls @ to_index[:3, :3].T + to_index[:3, 3]).astype(np.float32)
    return spread(torch.from_numpy(index).permute(3, 0, 1, 2), size).permute(1, 2, 3, 0)
