"""Does a case fit in memory? Asked before the work; where it does not, less is worked on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skullfix.errors import MemoryLimitError
from skullfix.images.box import Index, bounding_box, crop, slices, widened
from skullfix.images.head import coarse_steps, find_head
from skullfix.images.resample import BLOCK_SPACING_MM, block_factors
from skullfix.images.room import free_bytes, in_words, keep_only_if_roomy
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.ladder import RUNGS, Load, RungName

MARGIN_MM = 12.0
"""Kept around the head."""

_NAMES = {
    "whole": "whole",
    "head": "cropped to the head",
    "regions": "in regions",
    "coarser": f"on a grid of {BLOCK_SPACING_MM:g} mm",
}


@dataclass(frozen=True, eq=False)
class Workplace:
    """How a scan is worked on, and where the part worked on lies on its grid.

    Attributes:
        kind: ``ct`` or ``mask``.
        grid: The input's.
        low: Index (z, y, x) of the part's first voxel.
        rung: How.
        load: What its memory depends on.
        free_bytes: What was free before the work, and what the scan itself took.
        steps: What was given up for lack of memory, one sentence each.
    """

    kind: str
    grid: Geometry
    low: Index
    rung: RungName
    load: Load
    free_bytes: int
    steps: tuple[str, ...] = ()

    @property
    def needed_bytes(self) -> int:
        """The estimate, the scan counted."""
        return self.load.needs(self.rung)


def make_room(scan: Volume, kind: str, *, report: bool = False) -> tuple[Workplace, Volume]:
    """Choose how to work on a scan: the first rung of the ladder that fits.

    Args:
        scan: As it was read; let it go afterwards.
        kind: ``ct`` or ``mask``.
        report: Whether a report will be made.

    Returns:
        How, and the scan or its part with the head.

    Raises:
        MemoryLimitError: Not even the last rung fits.
    """
    size = scan.array.size
    load = Load(
        kind, scan.array.itemsize, size, size, float(np.prod(scan.geometry.spacing)), report
    )
    free = free_bytes() + scan.array.nbytes
    place = Workplace(kind, scan.geometry, (0, 0, 0), "whole", load, free)
    keep_only_if_roomy(place.needed_bytes, free)
    return (place, scan) if place.needed_bytes <= free else narrowed(place, scan)


def narrowed(
    place: Workplace, volume: Volume, *, bone_known: bool = False
) -> tuple[Workplace, Volume]:
    """Go down the ladder from what did not fit to the next rung that does.

    Args:
        place: What did not fit.
        volume: What was worked on, the scan or its bone.
        bone_known: Whether it is the bone.

    Returns:
        How to work, and the volume or its part with the head.

    Raises:
        MemoryLimitError: No rung is left, or none fits.
    """
    free = free_bytes() + volume.array.nbytes
    load, steps, tried = place.load, place.steps, []
    box = None
    if place.rung == "whole":
        low, high = _head_box(volume, "mask" if bone_known else place.kind)
        cropped = replace(load, part=int(np.prod(np.subtract(high, low))))
        if cropped.needs("head") < load.needs("whole"):
            load, box = cropped, (low, high)
    useful = {
        "head": box is not None,
        "regions": place.kind == "ct" and not bone_known,
        "coarser": max(block_factors(place.grid.spacing)) > 1,
    }
    for rung in RUNGS[RUNGS.index(place.rung) + 1 :]:
        if not useful[rung]:
            continue
        needed = load.needs(rung)
        tried.append(f", {_NAMES[rung]} {in_words(needed)}")
        steps += (_step(rung, load, place.needed_bytes, free),)
        if needed <= free:
            found = replace(place, rung=rung, load=load, free_bytes=free, steps=steps)
            if box is None:
                return found, volume
            part_of = crop(volume, *box)
            return replace(found, low=box[0]), Volume(part_of.array.copy(), part_of.geometry)
    less = ", leave out the report (--no-report)" if load.report else ""
    raise MemoryLimitError(
        f"This scan of {load.grid:,} voxels needs about {in_words(place.needed_bytes)} of memory "
        f"{_NAMES[place.rung]}{''.join(tried)}; {in_words(free)} are free, the scan itself "
        "counted.",
        hint=f"Close other programs{less}, crop the scan to the head, or use a machine with more.",
    )


def _step(rung: RungName, load: Load, needed: int, free: int) -> str:
    """Tell in a sentence what a rung gives up."""
    if rung == "head":
        return (
            f"The scan was cropped to the head ({load.part:,} of {load.grid:,} voxels), because "
            f"the whole needs about {in_words(needed)} of memory and {in_words(free)} were free."
        )
    if rung == "regions":
        return (
            "Bone was told from other things in regions and on a grid of "
            f"{BLOCK_SPACING_MM:g} mm, because {in_words(free)} of memory were free."
        )
    return (
        f"The implant was made on a grid of {BLOCK_SPACING_MM:g} mm instead of the scan's, because "
        f"{in_words(free)} of memory were free; its surface and its gap are as coarse as that."
    )


def on_whole_grid(mask: Volume, place: Workplace) -> Volume:
    """Put a mask of the part back onto the input's grid, bool."""
    if mask.geometry == place.grid:
        return mask
    whole = np.zeros(place.grid.shape, bool)
    shape = mask.array.shape
    high = tuple(a + n for a, n in zip(place.low, shape, strict=True))
    whole[slices(place.low, (high[0], high[1], high[2]))] = mask.array
    return Volume(whole, place.grid)


def _head_box(volume: Volume, kind: str) -> tuple[Index, Index]:
    """First and last + 1 index (z, y, x) of the head and its margin; of all where there is none."""
    z, y, x = volume.geometry.spacing[::-1]
    if kind == "mask":
        steps, found = (1, 1, 1), bounding_box(volume.array)
    else:
        steps = coarse_steps((z, y, x))
        found = bounding_box(find_head(volume.array, (z, y, x), steps))
    if found is None:
        return (0, 0, 0), volume.geometry.shape
    first, last = (tuple(a * s for a, s in zip(end, steps, strict=True)) for end in found)
    box = (first[0], first[1], first[2]), (last[0], last[1], last[2])
    return widened(box, volume.geometry, MARGIN_MM)
