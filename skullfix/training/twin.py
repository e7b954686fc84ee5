"""A head beside its mirror image, mirrored once for all the defects that are cut into it.

What a defect takes away from the bone it takes away from the image too, at the mirror points, and
mirroring is linear: so only the piece is mirrored for each defect, not the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skullfix.images.midplane import FAINT, Plane, laid_beside, reflected
from skullfix.images.resample import splat
from skullfix.images.volume import Geometry


@dataclass(frozen=True, eq=False)
class Twin:
    """The complete skull and its image.

    Attributes:
        rows: (M, 3) int64 indices (z, y, x), sorted, of the voxels that hold bone or image.
        skull: (M,) float32 fraction of bone.
        image: (M,) float32 fraction of the mirror image; may pass 1 where voxels meet.
        own: (N,) int64, which of them the skull's voxels are.
        mirrored: (N, 3) float32 mirror points of the skull's voxels, as indices (z, y, x).
    """

    rows: Tensor
    skull: Tensor
    image: Tensor
    own: Tensor
    mirrored: Tensor

    @classmethod
    def of(cls, rows: Tensor, skull: Tensor, grid: Geometry, plane: Plane) -> Twin:
        """Mirror a skull, given as for `with_mirror_image`."""
        mirrored = reflected(rows, grid, plane)
        bone, image, lowest = laid_beside(rows, skull, mirrored)
        held = (bone > 0) | (image >= FAINT)
        number = held.flatten().cumsum(0).reshape(held.shape) - 1
        found = held.nonzero()
        return cls(
            found + lowest,
            bone[held],
            image[held],
            number[tuple((rows - lowest).unbind(1))],
            mirrored,
        )

    def without(self, piece: Tensor) -> tuple[Tensor, Tensor]:
        """Take a piece away.

        Args:
            piece: (N,) float32 fraction that each of the skull's voxels loses, at most its own.

        Returns:
            The same as `with_mirror_image` of what is left, to rounding.
        """
        skull, image = self.skull.clone(), self.image.clone()
        taken = piece.nonzero()[:, 0]
        if len(taken):
            skull[self.own[taken]] -= piece[taken]
            lowest = self.mirrored[taken].amin(0).floor()
            lost = splat(self.mirrored[taken] - lowest, piece[taken])
            cells = lost.nonzero()
            places, seen = self._places(cells + lowest.long())
            image[places] -= lost[tuple(cells[seen].unbind(1))]
        image[image < FAINT] = 0
        left = (skull + image > 0).nonzero()[:, 0]
        return self.rows[left], torch.stack([skull[left], image[left].clamp(max=1)], 1)

    def _places(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Find (K, 3) indices among `rows`: the places of those found, and which they are."""
        lowest = torch.minimum(self.rows.amin(0), cells.amin(0))
        _, height, width = (torch.maximum(self.rows.amax(0), cells.amax(0)) - lowest + 1).tolist()
        steps = torch.tensor([height * width, width, 1])
        known, wanted = (((part - lowest) * steps).sum(1) for part in (self.rows, cells))
        places = torch.searchsorted(known, wanted).clamp(max=len(known) - 1)
        seen = known[places] == wanted
        return places[seen], seen
