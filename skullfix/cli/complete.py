"""``skullfix complete``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from skullfix.cli.engine import BackendOption, DeviceOption
from skullfix.cli.first_run import announce_first_run
from skullfix.cli.fitting import (
    DecimateOption,
    EdgeOption,
    FormatOption,
    HolesOption,
    InsertionOption,
    SmoothOption,
    SpaceOption,
    ThickenOption,
    ThicknessOption,
    UndercutsOption,
    read_fitting,
)
from skullfix.cli.preview import PreviewOption, check_preview, show_preview
from skullfix.cli.render import JsonOption, QuietOption, command
from skullfix.files.opening import must_exist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skullfix.tasks.complete_options import CompleteOptions


def complete(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Head CT or skull mask: NRRD, NIfTI, MetaImage, DICOM folder or zip.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder; beside the input by default.")
    ] = None,
    kind: Annotated[str, typer.Option(help="auto, ct or mask.")] = "auto",
    threshold: Annotated[
        str, typer.Option(metavar="HU", help="HU from which a voxel is bone, or auto.")
    ] = "150",
    model: Annotated[
        str | None, typer.Option(help="NAME, NAME@VERSION or a path; see `skullfix weights list`.")
    ] = None,
    device: DeviceOption = "cpu",
    backend: BackendOption = "auto",
    threads: Annotated[int, typer.Option(help="Threads; 0 for all.", min=0)] = 0,
    mesh_format: FormatOption = "stl",
    space: SpaceOption = "lps",
    series: Annotated[str | None, typer.Option(help="DICOM series to read.")] = None,
    save_bone: Annotated[bool, typer.Option("--save-bone", help="Write the bone mask.")] = False,
    clearance: Annotated[float, typer.Option(metavar="MM", help="Gap to the bone.")] = 0.5,
    min_thickness: ThicknessOption = None,
    thicken: ThickenOption = False,
    smooth: SmoothOption = 0.0,
    edge: EdgeOption = "straight",
    holes: HolesOption = None,
    insertion: InsertionOption = "auto",
    fix_undercuts: UndercutsOption = False,
    decimate: DecimateOption = 0.0,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Write no report and no picture.")
    ] = False,
    preview: PreviewOption = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Complete a skull and design its implant.

    Example: skullfix complete scan.nrrd

    Example: skullfix complete dicom_folder/ -o results/ --clearance 0.8 --mesh-format 3mf

    The solid leaves 0.5 mm to the bone; with --clearance 0 it meets the bone exactly.
    """
    given = dict(locals())
    with command(json_output, quiet=quiet) as out:
        out.facts.update(task="complete", inputs={"scan": str(source)})
        must_exist(source)
        from skullfix.sparse.threads import set_threads
        from skullfix.tasks.complete import complete as task

        check_preview(preview, no_report=no_report)
        announce_first_run(backend, set_threads(threads), out.progress, device)
        result = task(source, output, complete_options(given), progress=out.progress)
        out.finish(result.document, text=summary(result.document))
    picture = result.document["outputs"].get("preview")
    if preview and picture:
        show_preview(Path(picture), sys.stderr if json_output else sys.stdout)


def complete_options(given: Mapping[str, Any]) -> CompleteOptions:
    """Read the options of `complete` from the values of its parameters, by their names.

    Raises:
        UsageError: One is not understood.
    """
    from skullfix.tasks.complete_options import CompleteOptions

    return CompleteOptions(
        kind=given["kind"],
        threshold=_threshold(given["threshold"]),
        model=given["model"],
        device=given["device"],
        backend=given["backend"],
        mesh_format=given["mesh_format"],
        space=given["space"],
        series=given["series"],
        save_bone=given["save_bone"],
        report=not given["no_report"],
        overwrite=given["overwrite"],
        fit=read_fitting(given),
    )


def _threshold(text: str) -> float | Literal["auto"]:
    """Read the option --threshold."""
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError as error:
        from skullfix.errors import UsageError

        raise UsageError(
            f"--threshold {text!r} is no number", hint="give Hounsfield units, or auto"
        ) from error


def summary(document: Mapping[str, Any]) -> str:
    """Say what a person reads at the end of a completion."""
    seconds = sum(document["seconds"].values())
    if document["status"] == "no_defect":
        lines = ["no defect found: the network adds no bone to this skull"]
    else:
        implant = document["implant"]
        x, y, z = implant["bounding_box_mm"]
        lines = [f"implant: {implant['volume_ml']:.1f} ml, {x:.0f} x {y:.0f} x {z:.0f} mm"]
        if len(implant["pieces_ml"]) > 1:
            lines[0] += f", {len(implant['pieces_ml'])} pieces"
        lines.append(implant["note"])
    lines += [f"{name}: {path}" for name, path in document["outputs"].items()]
    lines += [f"warning: {text}" for text in document["warnings"]]
    model = document["model"]
    lines.append(f"model {model['name']}@{model['version']} ({model['licence']}), {seconds:.1f} s")
    lines.append(document["notice"])
    return "\n".join(lines)
