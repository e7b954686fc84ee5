"""The ladder of memory: ways to do a completion, each with less than the one before.

Estimates were measured on a head CT and its mask at 7, 59 and 118 million voxels
(tests/benchmarks/RESULTS.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skullfix.images.resample import BLOCK_SPACING_MM

RungName = Literal["whole", "head", "regions", "coarser"]

FIXED_BYTES = 150_000_000
"""The network, its libraries, the surface of the implant."""

REPORT_BYTES = 350_000_000
"""The picture and the page, which draw on a grid of their own."""

SITE_BYTES = 60
"""For each voxel around the implant: distances and normals of the fit."""

SITE_MM3 = 600_000.0
"""A large implant's box with its margins."""

SORTED_BYTES = {"ct": 5.5, "mask": 2.0}
"""For each voxel worked on, beside the scan: bone, and which piece of it each voxel is of."""

IN_PARTS_BYTES = 2.2
"""The same of a CT whose pieces of bone are told apart on a coarse grid."""

COARSE_MM3 = BLOCK_SPACING_MM**3
"""Smallest voxel of the coarse grid."""


RUNGS: tuple[RungName, ...] = ("whole", "head", "regions", "coarser")
"""From the top down, each with what the one above gives up: the whole scan; its part with the head;
bone of a CT told from other things on a coarse grid; the work after that on a coarse grid too."""


@dataclass(frozen=True)
class Load:
    """What decides how much memory a case takes.

    Attributes:
        kind: ``ct`` or ``mask``.
        itemsize: Bytes of a voxel of the scan.
        grid: Voxels of the input's grid.
        part: Voxels of the part with the head.
        voxel_mm3: Volume of a voxel.
        report: Whether a report is made.
    """

    kind: str
    itemsize: int
    grid: int
    part: int
    voxel_mm3: float
    report: bool = False

    def needs(self, rung: RungName) -> int:
        """Bytes that the case takes on a rung, its scan counted."""
        cropped = self.part < self.grid and rung != "whole"
        worked = self.part if cropped else self.grid
        in_parts = self.kind == "ct" and rung in ("regions", "coarser")
        sort = IN_PARTS_BYTES if in_parts else SORTED_BYTES[self.kind]
        masks = 3 * self.grid  # bone, what was missing, and both together, as they are written
        masks += worked if cropped or rung != "coarser" else 0
        masks += 2 * worked if cropped and rung != "coarser" else 0
        fine = max(self.voxel_mm3, COARSE_MM3 if rung == "coarser" else 0.0)
        bone = (self.itemsize + sort) * worked  # the scan is let go when its bone is known
        later = masks + SITE_BYTES * SITE_MM3 / fine + REPORT_BYTES * self.report
        copying = self.itemsize * (self.grid + self.part) if cropped else 0
        return int(max(FIXED_BYTES + max(bone, later), copying))
