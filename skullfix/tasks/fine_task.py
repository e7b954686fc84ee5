"""`upscale` and `refine`: one coarse mask, or a map of several, in; a fine one out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skullfix.cases.coarsen import FULL
from skullfix.errors import InputError
from skullfix.files.outputs import plan_outputs, staged
from skullfix.images.box import bounding_box, crop, slices
from skullfix.images.read import Scan, read_scan
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.meshes.measure import measure_mesh
from skullfix.meshes.surface import mask_surface
from skullfix.meshes.weld import weld
from skullfix.meshes.write import write_mesh
from skullfix.report.page import write_report
from skullfix.tasks.beside import beside
from skullfix.tasks.document import Progress, Stopwatch, write_document
from skullfix.tasks.fine import CUT, TWICE, Target, field_on, fine_field
from skullfix.tasks.fine_models import FineModels
from skullfix.tasks.fine_options import (
    FineOptions,
    Task,
    check_fine_options,
    fine_output_names,
)
from skullfix.tasks.fine_report import draw_fine_report, fine_content
from skullfix.tasks.fine_shapes import coarser_shapes, read_shapes
from skullfix.tasks.model import model_facts
from skullfix.tasks.pieces import count_pieces, keep_largest


@dataclass(frozen=True, eq=False)
class FineCase:
    """Masks that were read and are ready for the network.

    Attributes:
        task: ``upscale`` or ``refine``.
        source: The file.
        options: What was asked for.
        scan: The volume as it was read.
        shapes: Value in the file to its mask, bool, none of them empty.
        grid: The grid wanted, right-angled.
        own_grid: The one of the file that it is of, where that is not right-angled; the mask is
            written on it.
        warnings: What the preparation changed or assumed.
        paths: Where each output goes.
        watch: Times the case.
    """

    task: Task
    source: Path
    options: FineOptions
    scan: Scan
    shapes: Mapping[int, Volume]
    grid: Geometry
    own_grid: Geometry | None
    warnings: tuple[str, ...]
    paths: dict[str, Path]
    watch: Stopwatch


@dataclass(frozen=True, eq=False)
class FineResult:
    """The finer masks.

    Attributes:
        labels: uint8 or uint16 on the grid wanted, the input's values.
        document: The result document (plain values).
    """

    labels: Volume
    document: dict[str, Any]


def make_finer(
    task: Task,
    source: Path,
    folder: Path | None,
    options: FineOptions,
    *,
    models: FineModels | None = None,
    progress: Progress | None = None,
) -> FineResult:
    """Make the mask in a file, or each mask of a label map, finer and write it.

    Args:
        task: ``upscale`` for skulls, ``refine`` for organs.
        source: A coarse mask: NRRD, NIfTI, MetaImage.
        folder: Where outputs go; beside the input by default.
        options: See `FineOptions`.
        models: Loaded networks, for many cases in a row.
        progress: Called with the name of each stage.

    Raises:
        UsageError: An option is out of range.
        InputError: The mask is missing, damaged, empty, too fine already, or lies elsewhere.
        WeightsError: The checkpoint cannot be had.
        OutputError: An output exists already or cannot be written.
        MemoryLimitError: The result is too large.
    """
    case = read_fine_case(task, source, folder, options, Stopwatch(progress))
    models = models or FineModels(task, options.model, options.backend, progress, options.device)
    result = compute_fine_case(case, models)
    write_fine_case(case, result)
    return result


def read_fine_case(
    task: Task, source: Path, folder: Path | None, options: FineOptions, watch: Stopwatch
) -> FineCase:
    """Do the first part: check the options, read the mask, find the grid wanted."""
    check_fine_options(task, options)
    with watch.stage("reading"):
        scan = read_scan(source)
        shapes, warnings = read_shapes(scan, task, options)
        target = options.target
        pattern: Scan | None = None
        if options.like is not None:
            pattern = read_scan(options.like)
            warnings += pattern.warnings
        if options.coarse is not None:
            shapes, lost = coarser_shapes(shapes, options.coarse)
            warnings += lost
            if target == TWICE and pattern is None:
                pattern = scan
        if pattern is not None:
            target = Target(like=pattern.volume.geometry)
        whole = np.zeros(next(iter(shapes.values())).array.shape, bool)
        for mask in shapes.values():
            whole |= mask.array
        grid, said = target.grid(Volume(whole, next(iter(shapes.values())).geometry))
    names = fine_output_names(task, scan.suffix, options)
    paths = plan_outputs(source, folder, scan.stem, names, overwrite=options.overwrite)
    own_grid = pattern.own_grid if pattern else None
    warnings = (*warnings, *said)
    return FineCase(task, source, options, scan, shapes, grid, own_grid, warnings, paths, watch)


def compute_fine_case(case: FineCase, models: FineModels) -> FineResult:
    """Do the second part: the network, the overlaps, the document."""
    labels = np.zeros(case.grid.shape, np.uint8 if max(case.shapes) < 256 else np.uint16)
    best = np.zeros(case.grid.shape if len(case.shapes) > 1 else (0, 0, 0), np.float16)
    warnings: list[str] = []
    steps: list[str] = []
    choice = None
    for label, mask in case.shapes.items():
        spacing = min(mask.geometry.spacing)
        choice = models.choose(spacing, spacing / min(case.grid.spacing))
        with case.watch.stage("network"):
            field = fine_field(mask, choice.model, choice.factor)
        with case.watch.stage("result"):
            part, where = field_on(field, case.grid)
            inside = part.array >= choice.model.cut(CUT)
            if case.task == "refine":
                inside &= keep_largest(inside, count_pieces(mask.array))
            if where is not None and not inside.any():
                warnings.append(_interpolated(label, len(case.shapes) > 1))
                part, where = field_on(_linear(mask), case.grid)
                most = float(part.array.max(initial=0))
                inside = (part.array >= min(FULL, most)) & (part.array > 0)
            if where is not None:
                if len(case.shapes) > 1:
                    inside &= part.array > best[where]
                    best[where][inside] = part.array[inside]
                np.copyto(labels[where], label, where=inside)
        steps += [s for s in choice.steps if s not in steps]
        warnings += [w for w in choice.warnings if w not in warnings]
    box = bounding_box(labels)
    if box is None:
        other = "Choose another --like image." if case.options.like else "Choose a finer grid."
        raise InputError("Nothing of the mask lies in the grid wanted.", hint=other)
    held = labels[slices(*box)]
    for label in case.shapes:
        if not (held == label).any():
            warnings.append(f"{_named(label, len(case.shapes) > 1)} has no voxel in the result.")
    assert choice is not None  # there is at least one shape
    checkpoint = choice.model.checkpoint
    document: dict[str, Any] = {
        "status": "success",
        "task": case.task,
        "inputs": {"mask": str(case.source), "format": case.scan.format},
        "outputs": {},
        "model": model_facts(checkpoint),
        "device": choice.model.device,
        "backend": choice.model.backend.name,
        "geometry": asdict(case.grid),
        "steps": steps,
        "shapes": {},
        "warnings": [*case.scan.warnings, *case.warnings, *warnings, *checkpoint.warnings],
        "notice": "Research use; not a medical device.",
    }
    if case.options.organ:
        document["organ"] = case.options.organ
    return FineResult(Volume(labels, case.grid), document)


def write_fine_case(case: FineCase, result: FineResult) -> None:
    """Do the last part: write all outputs or none, complete the document."""
    document, watch, options = result.document, case.watch, case.options
    document["outputs"] = {name: str(path) for name, path in case.paths.items()}
    document["seconds"] = watch.seconds
    after = Volume(result.labels.array != 0, result.labels.geometry)
    # the mesh mostly keeps one core busy; all else is done beside it, its measures without waiting
    # for the drawing
    with staged(case.paths) as aside, beside() as other, beside() as third:
        own = case.own_grid or result.labels.geometry
        written = other.submit(write_volume, Volume(result.labels.array, own), aside["mask"])
        facts = other.submit(_shape_facts, case, result.labels)
        drawing = None
        if options.report:
            before = Volume(case.scan.volume.array != 0, case.scan.volume.geometry)
            drawing = other.submit(draw_fine_report, before, after, aside["preview"])
        if options.mesh:
            with watch.stage("mesh"):
                surface = weld(mask_surface(after))
                measures = third.submit(measure_mesh, surface)
                write_mesh(surface, aside["mesh"], space=options.space)
                document["mesh"] = asdict(measures.result())
        with watch.stage("writing"):
            written.result()
            document["shapes"] = facts.result()
        if drawing is not None:
            with watch.stage("report"):
                content = fine_content(document, case.scan.stem)
                write_report(content, drawing.result(), aside["report"])
        document["peak_memory_bytes"] = watch.peak_memory_bytes
        write_document(document, aside["result"])


def _shape_facts(case: FineCase, labels: Volume) -> dict[str, dict[str, float | int]]:
    """Volume and pieces of each shape, before and after."""
    box = bounding_box(labels.array)
    assert box is not None  # something was found
    held = labels.array[slices(*box)]
    facts: dict[str, dict[str, float | int]] = {}
    for label, mask in case.shapes.items():
        found = held == label
        facts[str(label)] = {
            "volume_ml_before": round(mask.geometry.filled_ml(mask.array), 3),
            "volume_ml": round(labels.geometry.filled_ml(found), 3),
            "pieces_before": count_pieces(mask.array),
            "pieces": count_pieces(found),
        }
    return facts


def _linear(mask: Volume) -> Volume:
    """Interpolate without a network, on the mask's own grid."""
    box = bounding_box(mask.array, 1)
    assert box is not None
    part = crop(mask, *box)
    return Volume(part.array.astype(np.float32), part.geometry)


def _interpolated(label: int, several: bool) -> str:
    return f"{_named(label, several)} vanished in the network and was interpolated instead."


def _named(label: int, several: bool) -> str:
    return f"Label {label}" if several else "The mask"
