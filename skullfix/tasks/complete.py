"""Complete a skull: scan in; completed skull, implant mask, implant mesh and document out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skullfix.errors import is_out_of_memory
from skullfix.files.outputs import staged
from skullfix.images.box import crop, slices, widened
from skullfix.images.regrid import index_box
from skullfix.images.vault_check import check_closed
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.implants.clean import MINIMUM_ML, CleanImplant, LeftOut, clean_implant
from skullfix.implants.fit import FittedImplant, fit_implant
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.write import write_mesh
from skullfix.report.page import write_report
from skullfix.rim.level import levelled
from skullfix.tasks.beside import beside
from skullfix.tasks.candidate import CUT, candidate_on, implant_on, surface_field
from skullfix.tasks.complete_case import CompleteCase, coarse_bone, read_case, with_less
from skullfix.tasks.complete_options import CompleteOptions
from skullfix.tasks.complete_report import complete_content, draw_complete_report
from skullfix.tasks.confirm import confirm_pieces
from skullfix.tasks.document import Progress, Stopwatch, write_document
from skullfix.tasks.headroom import on_whole_grid
from skullfix.tasks.implant_facts import implant_facts
from skullfix.tasks.model import Model, load_model, model_facts
from skullfix.tasks.pieces import volumes_ml, without_specks
from skullfix.tasks.predict import complete_coarse
from skullfix.vault.bulge import bulged

AROUND_MM = 12.0
"""Kept around the network's answer when it is cleaned."""

_SPECK_ML = MINIMUM_ML / 2  # a piece that is moved may lose a little


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
        model = model or load_model(options.model, options.backend, progress, device=options.device)
    result = compute_case(case, model)
    write_case(case, result)
    return result


def compute_case(case: CompleteCase, model: Model) -> CompleteResult:
    """Do the second part of `complete`: the implant, its mesh and the document.

    Where memory runs out on the way, it is done again with less.

    Raises:
        MemoryLimitError: It ran out with the least.
    """
    moved: tuple[str, ...] = ()
    while True:
        try:
            return _compute(case, model, moved)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            full = isinstance(error, torch.OutOfMemoryError) and model.device != "cpu"
        if full:  # less of the scan would not help: the network's grid is the same
            moved = (f"The network ran on the CPU, because the memory of {model.device} ran out.",)
            case.watch.tell(moved[0])
            model = model.on_cpu()
        else:
            case = with_less(case)


def _compute(case: CompleteCase, model: Model, moved: tuple[str, ...]) -> CompleteResult:
    bone, place, watch = case.bone, case.place, case.watch
    coarser = place.rung == "coarser"
    worked = coarse_bone(bone) if coarser else bone
    cleaned = complete_bone(worked, model, watch)
    warnings = case.warnings + check_closed(worked, cleaned.mask)
    warnings += tuple(_told(piece) for piece in cleaned.left_out)
    with watch.stage("fit"):
        fit = case.options.fit
        fitted = fit_implant(cleaned.mask, worked, fit) if cleaned.pieces_ml else None
        warnings += fitted.warnings if fitted else ()
    implant = implant_on(cleaned.mask, bone) if coarser else cleaned.mask
    steps = [*place.steps, *moved]
    document: dict[str, Any] = {
        "status": "success" if fitted else "no_defect",
        "task": "complete",
        "inputs": {
            "scan": str(case.source),
            "kind": case.kind,
            "format": case.scan.format,
            **({"series": case.scan.series} if case.scan.series else {}),
            **({"choice": case.scan.choice} if case.scan.choice else {}),
        },
        "outputs": {},
        "model": model_facts(model.checkpoint),
        "device": model.device,
        "backend": model.backend.name,
        "geometry": asdict(place.grid),
        "memory": {
            "needed_bytes": place.needed_bytes,
            "free_bytes": place.free_bytes,
            "steps": steps,
        },
        "implant": implant_facts(fitted, fit, cleaned.pieces_ml) if fitted else {"pieces_ml": []},
        "warnings": [*case.scan.warnings, *steps, *warnings, *model.checkpoint.warnings],
        "notice": "Research use; not a medical device.",
    }
    whole, missing = (on_whole_grid(mask, place) for mask in (bone, implant))
    return CompleteResult(document["status"], whole, missing, fitted, document)


def write_case(case: CompleteCase, result: CompleteResult) -> None:
    """Do the last part of `complete`: write all outputs or none, complete the document."""
    options, paths, watch = case.options, case.paths, case.watch
    wanted = paths if result.mesh is not None else {"result": paths["result"]}
    result.document["outputs"] = {name: str(path) for name, path in wanted.items()}
    result.document["seconds"] = watch.seconds
    with staged(paths) as aside, beside() as other:
        if result.fitted is not None:
            own = case.scan.own_grid
            drawing = None
            if options.report:
                shown = (case.bone, result.fitted, case.shown)
                drawing = other.submit(draw_complete_report, *shown, aside["preview"])
            with watch.stage("writing"):
                write_volume(_labels(result.completed, own), aside["completed"])
                write_volume(_labels(result.implant, own), aside["implant"])
                write_mesh(result.fitted.mesh, aside["mesh"], space=options.space)
                if options.save_bone:
                    write_volume(_labels(result.bone, own), aside["bone"])
            if drawing is not None:
                with watch.stage("report"):
                    content = complete_content(result.document, case.scan.stem)
                    write_report(content, drawing.result(), aside["report"])
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
        implant = np.zeros(bone.array.shape, bool)
        region = None if answer is None else index_box(bone.geometry, answer.implant.geometry)
        if answer is None or region is None:
            return CleanImplant(Volume(implant, bone.geometry), ())
        low, high = widened(region, bone.geometry, AROUND_MM)
        near = crop(bone, low, high)
        found = clean_implant(candidate_on(near, answer, model.cut(CUT)), near)
        implant[slices(low, high)] = found.mask.array
        found = replace(found, mask=Volume(implant, bone.geometry))
    if len(found.pieces_ml) > 1:
        with watch.stage("check"):
            found = confirm_pieces(found, bone, answer, model)
    if found.pieces_ml and answer.plane is not None and model.vaults is not None:
        with watch.stage("shape"):
            field = surface_field(answer, model.cut(CUT))
            bent = bulged(found.mask, bone, field, answer.plane, model.vaults)
            found = _with_mask(found, bent)
    if found.pieces_ml:
        with watch.stage("rim"):
            found = _with_mask(found, levelled(found.mask, bone))
    return found


def _with_mask(found: CleanImplant, mask: Volume) -> CleanImplant:
    """Put a moved mask in the place of an implant's, without what the move cut off.

    Pieces are told by their size, not by their number: two that lie close may be joined by one
    move and parted again by the next.
    """
    kept = without_specks(mask, _SPECK_ML)
    return replace(found, mask=kept, pieces_ml=volumes_ml(kept))


def _told(piece: LeftOut) -> str:
    """Warn of a piece that was left out."""
    place = " ".join(f"{value:.0f}" for value in piece.centre_mm)
    return (
        f"A piece of {piece.volume_ml:.1f} ml around {place} mm (LPS) was left out as a natural "
        "opening: with the other holes filled, the network missed nothing there. If bone is "
        "missing there, this implant does not replace it."
    )


def _labels(mask: Volume, own_grid: Geometry | None) -> Volume:
    """Give a mask on the file's own grid."""
    return Volume(mask.array, own_grid or mask.geometry)
