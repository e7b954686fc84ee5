"""Does a case fit in memory? Asked before the work; where it does not, less is worked on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from skullfix.errors import MemoryLimitError
from skullfix.images.box import Index, bounding_box, crop, slices, widened
from skullfix.images.head import coarse_steps, find_head
from skullfix.images.resample import BLOCK_SPACING_MM, block_factors
from skullfix.images.room import free_bytes
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.ladder import RUNGS, Load, Rung, RungName

MARGIN_MM = 12.0
"""Kept around the head."""

WORTHWHILE = 0.9
"""A crop that keeps more than this share of the voxels is not made."""

_HINT = "Close other programs, crop the scan to the head, or use a machine with more memory."
_NAMES = {
    "whole": "whole",
    "head": "cropped to the head",
    "regions": "in regions",
    "coarser": f"on a grid of {BLOCK_SPACING_MM:g} mm",
}


@dataclass(frozen=True, eq=False)
class Workplace:
    """What is worked on, how, and where it lies on the input's grid.

    Attributes:
        scan: The input's voxels or a part of them; None once they were let go.
        kind: ``ct`` or ``mask``.
        grid: The input's.
        low: Index (z, y, x) of the part's first voxel.
        rung: How it is worked on.
        load: What its memory depends on.
        free_bytes: What was free before the work, and what the scan itself took.
        steps: What was given up for lack of memory, one sentence each.
    """

    scan: Volume | None
    kind: str
    grid: Geometry
    low: Index
    rung: Rung
    load: Load
    free_bytes: int
    steps: tuple[str, ...] = ()

    @property
    def needed_bytes(self) -> int:
        """The estimate, the scan counted."""
        return self.load.needs(self.rung)

    @property
    def in_regions(self) -> bool:
        """Whether bone is told from other things on a coarse grid, and the scan then let go."""
        return not self.rung.keeps_scan

    @property
    def coarser(self) -> bool:
        """Whether the work after the bone is done on a coarse grid."""
        return self.rung.name == "coarser"


def make_room(scan: Volume, kind: str) -> Workplace:
    """Choose what to work on, and how: the first rung of the ladder that fits.

    Args:
        scan: As it was read; let it go afterwards.
        kind: ``ct`` or ``mask``.

    Raises:
        MemoryLimitError: Not even the last rung fits.
    """
    free = free_bytes() + scan.array.nbytes
    size = scan.array.size
    load = Load(kind, scan.array.itemsize, size, size, float(np.prod(scan.geometry.spacing)))
    whole = Workplace(scan, kind, scan.geometry, (0, 0, 0), RUNGS[0], load, free)
    return whole if whole.needed_bytes <= free else _down(whole, free)


def narrowed(place: Workplace) -> Workplace:
    """Go down from a rung on which memory ran out in the middle of the work.

    Args:
        place: What did not fit.

    Raises:
        MemoryLimitError: No rung is left, or none fits.
    """
    held = 0 if place.scan is None else place.scan.array.nbytes
    return _down(place, free_bytes() + held)


def _down(place: Workplace, free: int) -> Workplace:
    """Find the next rung that fits, each with the steps of those above it."""
    load, steps, tried = place.load, place.steps, []
    box = None
    if place.rung.name == "whole" and place.scan is not None:
        low, high = _head_box(place.scan, place.kind)
        part = int(np.prod(np.subtract(high, low)))
        if part <= WORTHWHILE * load.grid:
            load, box = replace(load, part=part), (low, high)
    for rung in _below(place, cropped=box is not None):
        needed = load.needs(rung)
        tried.append(f"{_NAMES[rung.name]} {_gb(needed)}")
        steps += (_step(rung.name, load, place.load.needs(place.rung), free),)
        if needed > free:
            continue
        found = replace(place, rung=rung, load=load, free_bytes=free, steps=steps)
        if box is None or place.scan is None:
            return found
        inner = crop(place.scan, *box)
        part_scan = Volume(inner.array.copy(), inner.geometry)
        return replace(found, scan=part_scan, low=box[0])
    raise MemoryLimitError(
        f"This scan of {load.grid:,} voxels needs about {_gb(place.needed_bytes)} of memory "
        f"{_NAMES[place.rung.name]}{', ' if tried else ''}{', '.join(tried)}; {_gb(free)} are "
        "free, the scan itself counted.",
        hint=_HINT,
    )


def _below(place: Workplace, *, cropped: bool) -> list[Rung]:
    """List the rungs below that change anything."""
    fine = max(block_factors(place.grid.spacing)) > 1
    useful: dict[RungName, bool] = {"head": cropped, "regions": True, "coarser": fine}
    return [rung for rung in RUNGS[RUNGS.index(place.rung) + 1 :] if useful[rung.name]]


def _step(name: RungName, load: Load, needed: int, free: int) -> str:
    """Tell in a sentence what a rung gives up."""
    if name == "head":
        return (
            f"The scan was cropped to the head ({load.part:,} of {load.grid:,} voxels), because "
            f"the whole needs about {_gb(needed)} of memory and {_gb(free)} were free."
        )
    if name == "regions":
        return (
            f"Bone was told from other things on a grid of {BLOCK_SPACING_MM:g} mm, and the scan "
            "was let go before the network ran (the report shows its bone alone), because "
            f"{_gb(free)} of memory were free."
        )
    return (
        f"The implant was made on a grid of {BLOCK_SPACING_MM:g} mm instead of the scan's, because "
        f"{_gb(free)} of memory were free; its surface and its gap are as coarse as that."
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


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on any device."""
    text = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in text for words in ("out of memory", "not enough memory", "t allocate"))
    )


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


def _gb(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
