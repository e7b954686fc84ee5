"""``skullfix mesh``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
from skullfix.cli.render import JsonOption, QuietOption, command
from skullfix.files.opening import must_exist

if TYPE_CHECKING:
    from collections.abc import Mapping


def mesh(
    source: Annotated[Path, typer.Argument(metavar="MASK", help="NRRD, NIfTI or MetaImage.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder; beside the mask by default.")
    ] = None,
    bone: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="The skull with the hole; fits the solid into it."),
    ] = None,
    mesh_format: FormatOption = "stl",
    space: SpaceOption = "lps",
    smooth: SmoothOption = 0.0,
    decimate: DecimateOption = 0.0,
    clearance: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Gap to the bone; 0.5 where a bone is given."),
    ] = None,
    min_thickness: ThicknessOption = None,
    thicken: ThickenOption = False,
    edge: EdgeOption = "straight",
    holes: HolesOption = None,
    insertion: InsertionOption = "auto",
    fix_undercuts: UndercutsOption = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a checked, printable solid of a mask.

    Example: skullfix mesh heart.nii.gz --smooth 1 --mesh-format 3mf

    Example: skullfix mesh scan_implant.nrrd --bone scan_bone.nrrd --edge bevel --holes 2@10

    Without --bone nothing but --smooth and --decimate changes the shape.
    """
    given = dict(locals())
    with command(json_output, quiet=quiet) as out:
        out.facts.update(task="mesh", inputs={"mask": str(source)})
        must_exist(source)
        from skullfix.errors import UsageError
        from skullfix.implants.options import DEFAULT_CLEARANCE_MM
        from skullfix.tasks.mesh import MeshOptions
        from skullfix.tasks.mesh import mesh as task

        if clearance is not None and bone is None:
            raise UsageError("--clearance needs a bone", hint="add --bone MASK")
        given["clearance"] = DEFAULT_CLEARANCE_MM if clearance is None else clearance
        fit = read_fitting(given)
        options = MeshOptions(fit, given["mesh_format"], given["space"], overwrite)
        result = task(source, output, options, bone=bone, progress=out.progress)
        out.finish(result.document, text=_summary(result.document))


def _summary(document: Mapping[str, Any]) -> str:
    solid = document["implant"]
    x, y, z = solid["bounding_box_mm"]
    lines = [
        f"solid: {solid['volume_ml']:.2f} ml, {x:.0f} x {y:.0f} x {z:.0f} mm,"
        f" {solid['triangles']:,} triangles; closed, outward, without crossing faces"
    ]
    for piece in solid.get("pieces", ()):
        gap = piece["gap_mean"]
        lines.append(
            f"wall {piece['thickness_mean']:.1f} mm (5th percentile {piece['thickness_p5']:.1f}),"
            f" gap {'none' if gap is None else f'{gap:.2f} mm'},"
            f" undercut {piece['undercut_ml']:.2f} ml, rim {piece['rim_length']:.0f} mm"
        )
    lines += [f"{name}: {path}" for name, path in document["outputs"].items()]
    lines += [f"warning: {text}" for text in document["warnings"]]
    return "\n".join([*lines, document["notice"]])
