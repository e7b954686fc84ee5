"""The first part of `complete`: from a file to the bone of a skull, in the memory that there is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from skullfix.errors import is_out_of_memory
from skullfix.files.outputs import plan_outputs
from skullfix.images.bone import extract_bone
from skullfix.images.bone_in_parts import extract_bone_in_parts
from skullfix.images.kind import detect_kind
from skullfix.images.mask import as_mask
from skullfix.images.read import Scan, read_scan
from skullfix.images.resample import block_average, block_means
from skullfix.images.sanity import check_head
from skullfix.images.vault_check import check_vault
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.complete_options import CompleteOptions, check_options, output_names
from skullfix.tasks.document import Stopwatch
from skullfix.tasks.headroom import Workplace, make_room, narrowed


@dataclass(frozen=True)
class ScanFacts:
    """What the outputs need of a scan beside its voxels; see `Scan`."""

    format: str
    stem: str
    warnings: tuple[str, ...]
    own_grid: Geometry | None
    series: str
    choice: str


@dataclass(frozen=True, eq=False)
class CompleteCase:
    """A skull that was read and is ready for the network.

    Attributes:
        source: The file it came from.
        options: What was asked for.
        scan: What is known of the scan.
        place: How it is worked on.
        bone: bool, of the scan or of its part with the head; not empty.
        shown: A CT on a grid of about 0.9 mm, for the report; None for a mask.
        warnings: What the preparation changed or assumed.
        paths: Where each output goes.
        watch: Times the case.
    """

    source: Path
    options: CompleteOptions
    scan: ScanFacts
    place: Workplace
    bone: Volume
    shown: Volume | None
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
    if scan.choice:
        watch.tell(scan.choice)
    names = output_names(scan.suffix, options)
    paths = plan_outputs(source, folder, scan.stem, names, overwrite=options.overwrite)
    with watch.stage("bone"):
        kind = detect_kind(scan.volume) if options.kind == "auto" else options.kind
        place, part = make_room(scan.volume, kind, report=options.report)
    facts = _facts(scan)
    del scan  # a part of it may be enough
    place, bone, shown, warnings = _take_bone(place, part, options, watch)
    return CompleteCase(source, options, facts, place, bone, shown, warnings, paths, watch)


def with_less(case: CompleteCase) -> CompleteCase:
    """Prepare a case for the next rung of the ladder that fits.

    Raises:
        MemoryLimitError: There is none.
    """
    place, bone = narrowed(case.place, case.bone, bone_known=True)
    for step in place.steps[len(case.place.steps) :]:
        case.watch.tell(step)
    return replace(case, place=place, bone=bone)


def coarse_bone(bone: Volume) -> Volume:
    """Give a mask on a grid of about 0.9 mm, bool."""
    coarse = block_average(bone)
    return Volume(coarse.array >= 128, coarse.geometry)


def _take_bone(
    place: Workplace, scan: Volume, options: CompleteOptions, watch: Stopwatch
) -> tuple[Workplace, Volume, Volume | None, tuple[str, ...]]:
    """Take the bone of a scan, and what the report shows of it; with less where memory runs out."""
    told = 0
    while True:
        for step in place.steps[told:]:
            watch.tell(step)
        told = len(place.steps)
        try:
            with watch.stage("bone"):
                bone, warnings = _bone(place, scan, options)
                shown = block_means(scan) if place.kind == "ct" and options.report else None
            return place, bone, shown, warnings
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        place, scan = narrowed(place, scan)


def _bone(
    place: Workplace, scan: Volume, options: CompleteOptions
) -> tuple[Volume, tuple[str, ...]]:
    """Give the skull in a scan, and warnings."""
    if place.kind == "mask":
        bone, warnings = as_mask(scan)
    elif place.rung in ("whole", "head"):
        bone, warnings = extract_bone(scan, threshold=options.threshold)
    else:
        bone, warnings = extract_bone_in_parts(scan, threshold=options.threshold)
    return bone, warnings + check_head(bone) + check_vault(bone)


def _facts(scan: Scan) -> ScanFacts:
    return ScanFacts(scan.format, scan.stem, scan.warnings, scan.own_grid, scan.series, scan.choice)
