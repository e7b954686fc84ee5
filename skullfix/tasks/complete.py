"""Complete a skull: scan in; completed skull, implant mask, implant mesh and document out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skullfix.errors import UsageError
from skullfix.files.outputs import plan_outputs, staged
from skullfix.images.bone import extract_bone
from skullfix.images.kind import detect_kind
from skullfix.images.mask import as_mask
from skullfix.images.read import Scan, read_scan
from skullfix.images.sanity import check_head
from skullfix.images.vault_check import check_closed, check_vault
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.implants.clean import CleanImplant, clean_implant
from skullfix.implants.fit import FittedImplant, fit_implant
from skullfix.implants.options import FitOptions
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.write import Space, check_mesh_output, write_mesh
from skullfix.tasks.complete_report import write_complete_report
from skullfix.tasks.document import Progress, Stopwatch, write_document
from skullfix.tasks.headroom import (
    Workplace,
    is_out_of_memory,
    make_room,
    narrowed,
    on_whole_grid,
)
from skullfix.tasks.implant_facts import implant_facts
from skullfix.tasks.model import Model, load_model, model_facts
from skullfix.tasks.predict import candidate_on, complete_coarse

Kind = Literal["auto", "ct", "mask"]


@dataclass(frozen=True)
class CompleteOptions:
    """What a user may choose.

    Attributes:
        kind: Whether the input is a CT or a mask; ``auto`` tells by its values.
        threshold: Hounsfield units from which a CT's voxel is bone; ``auto`` picks them.
        model: None for the default, a name, ``name@version`` or a path.
        backend: Engine: auto, reference or cpu.
        mesh_format: stl, ply, obj or 3mf.
        space: Frame of the mesh: lps or ras.
        series: DICOM series to read, where a folder holds several.
        save_bone: Also write the bone mask of a CT.
        report: Also write the page and the picture of the result.
        overwrite: Whether existing outputs may be replaced.
        fit: How the solid is fitted to the hole (clearance, wall, edge, holes).
    """

    kind: Kind = "auto"
    threshold: float | Literal["auto"] = 150.0
    model: str | None = None
    backend: str = "auto"
    mesh_format: str = "stl"
    space: Space = "lps"
    series: str | None = None
    save_bone: bool = False
    report: bool = True
    overwrite: bool = False
    fit: FitOptions = field(default_factory=FitOptions)


@dataclass(frozen=True, eq=False)
class CompleteResult:
    """What `complete` found.

    Attributes:
        status: ``success`` or ``no_defect``.
        bone: The defective skull, bool, on the input's grid.
        implant: bool on the same grid, all that was missing; shares no voxel with ``bone``.
        fitted: The solid made of it (``CompleteOptions.fit``); None without defect.
        document: The result document (plain values).
    """

    status: str
    bone: Volume
    implant: Volume
    fitted: FittedImplant | None
    document: dict[str, Any]

    @property
    def completed(self) -> Volume:
        """Bone and what was missing together."""
        return Volume(self.bone.array | self.implant.array, self.bone.geometry)

    @property
    def mesh(self) -> Mesh | None:
        """The solid's surface, LPS mm; None without defect."""
        return self.fitted.mesh if self.fitted else None


def complete(
    source: Path,
    folder: Path | None = None,
    options: CompleteOptions | None = None,
    *,
    model: Model | None = None,
    progress: Progress | None = None,
) -> CompleteResult:
    """Complete the skull in a file and write the results.

    Args:
        source: NRRD, NIfTI, MetaImage, DICOM folder or zip of one; a head CT or a skull mask.
        folder: Where outputs go; beside the input by default.
        options: See `CompleteOptions`.
        model: A loaded model, for many cases in a row.
        progress: Called with the name of each stage.

    Returns:
        Masks, mesh and document. With ``no_defect`` only the document is written.

    Raises:
        UsageError: An option is out of range.
        InputError: The input is missing, damaged or not a skull.
        WeightsError: The checkpoint cannot be had.
        OutputError: An output exists already or cannot be written.
        MemoryLimitError: The decoder passed its cap.
    """
    options = options or CompleteOptions()
    watch = Stopwatch(progress)
    case = read_case(source, folder, options, watch)
    with watch.stage("model"):
        model = model or load_model(options.model, options.backend, progress)
    result = compute_case(case, model)
    write_case(case, result)
    return result


@dataclass(frozen=True, eq=False)
class CompleteCase:
    """A skull that was read and is ready for the network.

    Attributes:
        source: The file it came from.
        options: What was asked for.
        place: What is worked on: the scan as it was read, or its head for lack of memory.
        bone: bool on the grid of ``place.scan``, not empty.
        kind: ``ct`` or ``mask``.
        warnings: What the preparation changed or assumed.
        paths: Where each output goes.
        watch: Times the case.
    """

    source: Path
    options: CompleteOptions
    place: Workplace
    bone: Volume
    kind: str
    warnings: tuple[str, ...]
    paths: dict[str, Path]
    watch: Stopwatch


def output_names(suffix: str, options: CompleteOptions) -> dict[str, str]:
    """Name the outputs: what each is to the ending of its file.

    Args:
        suffix: Of the input's format.
        options: Choose which outputs there are.
    """
    names = {
        "completed": f"_complete{suffix}",
        "implant": f"_implant{suffix}",
        "mesh": f"_implant.{options.mesh_format}",
        "result": "_result.json",
    }
    names |= {"bone": f"_bone{suffix}"} if options.save_bone else {}
    report = {"report": "_report.html", "preview": "_report.png"}
    return names | (report if options.report else {})


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
        place = make_room(scan, kind)
        del scan  # its voxels may have been let go
    return _prepared(source, options, place, kind, paths, watch)


def _prepared(
    source: Path,
    options: CompleteOptions,
    place: Workplace,
    kind: str,
    paths: dict[str, Path],
    watch: Stopwatch,
) -> CompleteCase:
    """Take the bone of what is worked on."""
    for step in place.steps:
        watch.tell(step)
    with watch.stage("bone"):
        bone, warnings = _bone(place.scan, kind, options)
    return CompleteCase(source, options, place, bone, kind, warnings, paths, watch)


def compute_case(case: CompleteCase, model: Model) -> CompleteResult:
    """Do the second part of `complete`: the implant, its mesh and the document.

    Where memory runs out on the way, it is done again with less.
    """
    try:
        return _compute(case, model)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    place = narrowed(case.place, case.kind)
    return _compute(
        _prepared(case.source, case.options, place, case.kind, case.paths, case.watch), model
    )


def _compute(case: CompleteCase, model: Model) -> CompleteResult:
    options, bone, watch = case.options, case.bone, case.watch
    warnings = case.warnings
    cleaned = complete_bone(bone, model, watch)
    warnings += check_closed(bone, cleaned.mask)
    with watch.stage("fit"):
        fitted = fit_implant(cleaned.mask, bone, options.fit) if cleaned.pieces_ml else None
        warnings += fitted.warnings if fitted else ()
    document: dict[str, Any] = {
        "status": "success" if fitted else "no_defect",
        "task": "complete",
        "inputs": {"scan": str(case.source), "kind": case.kind, "format": case.place.scan.format},
        "outputs": {},
        "model": model_facts(model.checkpoint),
        "device": "cpu",
        "backend": model.backend.name,
        "geometry": asdict(case.place.grid),
        "memory": {
            "needed_bytes": case.place.needed_bytes,
            "free_bytes": case.place.free_bytes,
            "steps": list(case.place.steps),
        },
        "implant": implant_facts(fitted, options.fit, cleaned.pieces_ml)
        if fitted
        else {"pieces_ml": []},
        "warnings": [
            *case.place.scan.warnings,
            *case.place.steps,
            *warnings,
            *model.checkpoint.warnings,
        ],
        "notice": "Research use; not a medical device.",
    }
    whole, implant = (on_whole_grid(mask, case.place) for mask in (bone, cleaned.mask))
    return CompleteResult(document["status"], whole, implant, fitted, document)


def write_case(case: CompleteCase, result: CompleteResult) -> None:
    """Do the last part of `complete`: write all outputs or none, complete the document."""
    options, paths, watch = case.options, case.paths, case.watch
    wanted = paths if result.mesh is not None else {"result": paths["result"]}
    result.document["outputs"] = {name: str(path) for name, path in wanted.items()}
    result.document["seconds"] = watch.seconds
    with staged(wanted) as aside:
        if result.fitted is not None:
            own = case.place.scan.own_grid
            with watch.stage("writing"):
                write_volume(_labels(result.completed, own), aside["completed"])
                write_volume(_labels(result.implant, own), aside["implant"])
                write_mesh(result.fitted.mesh, aside["mesh"], space=options.space)
                if options.save_bone:
                    write_volume(_labels(result.bone, own), aside["bone"])
            if options.report:
                with watch.stage("report"):
                    write_complete_report(
                        result.document,
                        case.bone,
                        result.fitted,
                        case=case.place.scan.stem,
                        page=aside["report"],
                        preview=aside["preview"],
                        scan=case.place.scan.volume if case.kind == "ct" else None,
                    )
        result.document["peak_memory_bytes"] = watch.peak_memory_bytes
        write_document(result.document, aside["result"])


def complete_bone(bone: Volume, model: Model, watch: Stopwatch | None = None) -> CleanImplant:
    """Do the computation alone: a defective skull in, its implant out.

    Args:
        bone: bool (z, y, x), not empty.
        model: A loaded model.
        watch: Times the stages.

    Returns:
        The implant on the grid of `bone`; empty where no defect was found.
    """
    watch = watch or Stopwatch(None)
    with watch.stage("network"):
        answer = complete_coarse(
            bone, model.network, model.backend, spacing=model.spacing, thresholds=model.thresholds
        )
    with watch.stage("implant"):
        if answer is None:
            empty = Volume(np.zeros(bone.array.shape, bool), bone.geometry)
            return CleanImplant(empty, (), 0.0)
        return clean_implant(candidate_on(bone, answer), bone)


def check_options(options: CompleteOptions) -> None:
    """Refuse options that make no sense before anything is read."""
    if options.kind not in ("auto", "ct", "mask"):
        raise UsageError(f"--kind {options.kind} is unknown", hint="choose auto, ct or mask")
    check_mesh_output(options.mesh_format, options.space)
    if options.threshold != "auto" and not -500 <= options.threshold <= 3000:
        raise UsageError(
            f"--threshold {options.threshold:g} lies outside -500 to 3000 HU",
            hint="bone begins at about 150 HU; auto picks by histogram",
        )


def _bone(scan: Scan, kind: str, options: CompleteOptions) -> tuple[Volume, tuple[str, ...]]:
    """Give the skull in a scan, and warnings."""
    if kind == "mask":
        bone, warnings = as_mask(scan.volume)
    else:
        bone, warnings = extract_bone(scan.volume, threshold=options.threshold)
    return bone, warnings + check_head(bone) + check_vault(bone)


def _labels(mask: Volume, own_grid: Geometry | None) -> Volume:
    """Give a mask as uint8 {0, 1}, on the file's own grid."""
    return Volume(mask.array.astype(np.uint8), own_grid or mask.geometry)
