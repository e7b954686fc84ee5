"""The ladder of memory: ways to do a completion, each with less than the one before.

Estimates were measured on a head CT and its mask at 7, 59 and 118 million voxels
(tests/benchmarks/RESULTS.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skullfix.images.resample import BLOCK_SPACING_MM

RungName = Literal["whole", "head", "regions", "coarser"]

FIXED_BYTES = 200_000_000
"""The network, its libraries, the picture and the page."""

SITE_BYTES = 60
"""For each voxel around the implant: distances and normals of the fit."""

SITE_MM3 = 600_000.0
"""A large implant's box with its margins."""

SORTED_BYTES = {"ct": 5.5, "mask": 2.0}
"""For each voxel worked on, beside the scan: bone, and which piece of it each voxel is of."""

IN_PARTS_BYTES = {"ct": 2.2, "mask": 2.0}
"""The same where the pieces are told apart on a coarse grid."""

COARSE_MM3 = BLOCK_SPACING_MM**3
"""Smallest voxel of the coarse grid."""


@dataclass(frozen=True)
class Rung:
    """A way to do the work.

    Attributes:
        name: ``whole``; ``head``: a part is worked on; ``regions``: bone is told from other things
            on a coarse grid, and the scan is let go once its bone is known; ``coarser``: all work
            after the bone is done on a coarse grid too.
        keeps_scan: Whether the scan's voxels stay in memory to the end, for the report.
    """

    name: RungName
    keeps_scan: bool


RUNGS = (Rung("whole", True), Rung("head", True), Rung("regions", False), Rung("coarser", False))
"""From the top down."""


@dataclass(frozen=True)
class Load:
    """What decides how much memory a case takes.

    Attributes:
        kind: ``ct`` or ``mask``.
        itemsize: Bytes of a voxel of the scan.
        grid: Voxels of the input's grid.
        part: Voxels of the part with the head.
        voxel_mm3: Volume of a voxel.
    """

    kind: str
    itemsize: int
    grid: int
    part: int
    voxel_mm3: float

    def needs(self, rung: Rung) -> int:
        """Bytes that the case takes on a rung, its scan counted."""
        cropped = self.part < self.grid and rung.name != "whole"
        worked = self.part if cropped else self.grid
        scan = self.itemsize * worked
        sort = (SORTED_BYTES if rung.keeps_scan else IN_PARTS_BYTES)[self.kind]
        masks = 3 * self.grid  # bone, what was missing, and both together, as they are written
        masks += worked if cropped or rung.name != "coarser" else 0
        masks += 2 * worked if cropped and rung.name != "coarser" else 0
        fine = max(self.voxel_mm3, COARSE_MM3 if rung.name == "coarser" else 0.0)
        later = (scan if rung.keeps_scan else 0) + masks + SITE_BYTES * SITE_MM3 / fine
        copying = self.itemsize * (self.grid + self.part) if cropped else 0
        return int(max(FIXED_BYTES + max(scan + sort * worked, later), copying))
