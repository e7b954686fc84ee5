"""The first part of `complete`: from a file to the bone of a skull, in the memory that there is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from skullfix.files.outputs import plan_outputs
from skullfix.images.bone import extract_bone
from skullfix.images.bone_in_parts import extract_bone_in_parts
from skullfix.images.kind import detect_kind
from skullfix.images.mask import as_mask
from skullfix.images.read import Scan, read_scan
from skullfix.images.resample import block_average
from skullfix.images.sanity import check_head
from skullfix.images.vault_check import check_vault
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.complete_options import CompleteOptions, check_options, output_names
from skullfix.tasks.document import Stopwatch
from skullfix.tasks.headroom import Workplace, is_out_of_memory, make_room, narrowed


@dataclass(frozen=True)
class ScanFacts:
    """What the outputs need of a scan beside its voxels; see `Scan`."""

    format: str
    stem: str
    warnings: tuple[str, ...]
    own_grid: Geometry | None


@dataclass(frozen=True, eq=False)
class CompleteCase:
    """A skull that was read and is ready for the network.

    Attributes:
        source: The file it came from.
        options: What was asked for.
        scan: What is known of the scan.
        place: What is worked on: the scan as it was read, or less for lack of memory.
        bone: bool, of the scan or of its part with the head; not empty.
        warnings: What the preparation changed or assumed.
        paths: Where each output goes.
        watch: Times the case.
    """

    source: Path
    options: CompleteOptions
    scan: ScanFacts
    place: Workplace
    bone: Volume
    warnings: tuple[str, ...]
    paths: dict[str, Path]
    watch: Stopwatch

    @property
    def kind(self) -> str:
        """``ct`` or ``mask``."""
        return self.place.kind


def read_case(
    source: Path, folder: Path | None, options: CompleteOptions, watch: Stopwatch
) -> CompleteCase:
    """Do the first part of `complete`: check the options, read the scan, take its bone."""
    check_options(options)
    with watch.stage("reading"):
        scan = read_scan(source, series=options.series)
    names = output_names(scan.suffix, options)
    paths = plan_outputs(source, folder, scan.stem, names, overwrite=options.overwrite)
    with watch.stage("bone"):
        kind = detect_kind(scan.volume) if options.kind == "auto" else options.kind
        place = make_room(scan.volume, kind)
    facts = _facts(scan)
    del scan  # its voxels may have been let go
    place, bone, warnings = _take_bone(place, options, watch)
    return CompleteCase(source, options, facts, place, bone, warnings, paths, watch)


def with_less(case: CompleteCase) -> CompleteCase:
    """Prepare a case again on the next rung of the ladder that fits.

    Raises:
        MemoryLimitError: There is none.
    """
    place = narrowed(case.place)
    if place.scan is None:  # its bone is known
        case.watch.tell(place.steps[-1])
        return replace(case, place=place)
    place, bone, warnings = _take_bone(place, case.options, case.watch)
    return replace(case, place=place, bone=bone, warnings=warnings)


def coarse_bone(bone: Volume) -> Volume:
    """Give a mask on a grid of about 0.9 mm, bool."""
    coarse = block_average(bone)
    return Volume(coarse.array >= 128, coarse.geometry)


def _take_bone(
    place: Workplace, options: CompleteOptions, watch: Stopwatch
) -> tuple[Workplace, Volume, tuple[str, ...]]:
    """Take the bone of what is worked on, further down the ladder where memory runs out."""
    told: tuple[str, ...] = ()
    while True:
        for step in place.steps[len(told) :]:
            watch.tell(step)
        told = place.steps
        try:
            with watch.stage("bone"):
                bone, warnings = _bone(place, options)
            return replace(place, scan=None) if place.in_regions else place, bone, warnings
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        place = narrowed(place)


def _bone(place: Workplace, options: CompleteOptions) -> tuple[Volume, tuple[str, ...]]:
    """Give the skull in a scan, and warnings."""
    assert place.scan is not None  # it is let go when its bone is known
    if place.kind == "mask":
        bone, warnings = as_mask(place.scan)
    else:
        extract = extract_bone_in_parts if place.in_regions else extract_bone
        bone, warnings = extract(place.scan, threshold=options.threshold)
    return bone, warnings + check_head(bone) + check_vault(bone)


def _facts(scan: Scan) -> ScanFacts:
    return ScanFacts(scan.format, scan.stem, scan.warnings, scan.own_grid)
