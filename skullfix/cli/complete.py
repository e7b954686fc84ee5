"""``skullfix complete``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from skullfix.cli.render import JsonOption, QuietOption, command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skullfix.tasks.complete import CompleteOptions


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
    backend: Annotated[str, typer.Option(help="auto, reference or cpu.")] = "auto",
    threads: Annotated[int, typer.Option(help="Threads; 0 for all.", min=0)] = 0,
    mesh_format: Annotated[str, typer.Option(help="stl, ply, obj or 3mf.")] = "stl",
    space: Annotated[str, typer.Option(help="Frame of the mesh: lps or ras.")] = "lps",
    series: Annotated[str | None, typer.Option(help="DICOM series to read.")] = None,
    save_bone: Annotated[bool, typer.Option("--save-bone", help="Write the bone mask.")] = False,
    clearance: Annotated[float, typer.Option(metavar="MM", help="Gap to the bone.")] = 0.5,
    min_thickness: Annotated[
        float | None, typer.Option(metavar="MM", help="Wall to check, or to reach by --thicken.")
    ] = None,
    thicken: Annotated[bool, typer.Option("--thicken", help="Thicken thin walls inwards.")] = False,
    smooth: Annotated[float, typer.Option(metavar="MM", help="Smooth the faces.")] = 0.0,
    edge: Annotated[str, typer.Option(help="straight, or bevel (a lip on the bone).")] = "straight",
    holes: Annotated[
        str | None, typer.Option(metavar="D@S", help="Holes of D mm every S mm, e.g. 2@10.")
    ] = None,
    insertion: Annotated[
        str, typer.Option(help="auto, or x,y,z (LPS): the way out of the hole.")
    ] = "auto",
    fix_undercuts: Annotated[
        bool, typer.Option("--fix-undercuts", help="Take away what catches on the way in.")
    ] = False,
    decimate: Annotated[
        float, typer.Option(metavar="MM", help="Fewer triangles, moved by at most this.")
    ] = 0.0,
    no_report: Annotated[bool, typer.Option("--no-report", help="Draw no picture.")] = False,
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
        from skullfix.sparse.threads import set_threads
        from skullfix.tasks.complete import complete as task

        set_threads(threads)
        result = task(source, output, complete_options(given), progress=out.progress)
        out.finish(result.document, text=summary(result.document))


def complete_options(given: Mapping[str, Any]) -> CompleteOptions:
    """Read the options of `complete` from the values of its parameters, by their names.

    Raises:
        UsageError: One is not understood.
    """
    from skullfix.tasks.complete import CompleteOptions
    from skullfix.tasks.fit import fit_options

    return CompleteOptions(
        kind=given["kind"],
        threshold=_threshold(given["threshold"]),
        model=given["model"],
        backend=given["backend"],
        mesh_format=given["mesh_format"],
        space=given["space"],
        series=given["series"],
        save_bone=given["save_bone"],
        report=not given["no_report"],
        overwrite=given["overwrite"],
        fit=fit_options(
            clearance_mm=given["clearance"],
            min_thickness_mm=given["min_thickness"],
            thicken=given["thicken"],
            smooth_mm=given["smooth"],
            edge=given["edge"],
            holes=given["holes"],
            insertion=given["insertion"],
            fix_undercuts=given["fix_undercuts"],
            decimate_mm=given["decimate"],
        ),
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
