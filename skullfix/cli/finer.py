"""The options that ``skullfix upscale`` and ``skullfix refine`` share, and how they run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skullfix.cli.first_run import announce_first_run
from skullfix.cli.preview import check_preview, show_preview
from skullfix.cli.render import command
from skullfix.files.opening import must_exist

if TYPE_CHECKING:
    from skullfix.tasks.fine_options import FineOptions, Task

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="Folder; beside the mask by default.")
]
FactorOption = Annotated[
    float | None, typer.Option(metavar="N", help="Fine voxels a coarse one; 2 by default.")
]
SpacingOption = Annotated[float | None, typer.Option(metavar="MM", help="Voxel spacing wanted.")]
LikeOption = Annotated[
    Path | None, typer.Option(metavar="IMAGE", help="Image whose very grid is wanted.")
]
CoarseOption = Annotated[
    float | None,
    typer.Option(metavar="MM", help="The mask's true resolution, if it is stored finer."),
]
ModelOption = Annotated[
    str | None, typer.Option(help="NAME, NAME@VERSION or a path; see skullfix weights list.")
]
ThreadsOption = Annotated[int, typer.Option(help="Threads; 0 for all.", min=0)]
NoMeshOption = Annotated[bool, typer.Option("--no-mesh", help="Write no mesh.")]
NoReportOption = Annotated[bool, typer.Option("--no-report", help="Write no report.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace outputs.")]


def run(task: Task, given: Mapping[str, Any]) -> None:
    """Run a command with the values of its parameters, by their names."""
    with command(given["json_output"], quiet=given["quiet"]) as out:
        out.facts.update(task=task, inputs={"mask": str(given["source"])})
        must_exist(given["source"])
        from skullfix.sparse.threads import set_threads
        from skullfix.tasks.fine_task import make_finer

        check_preview(given["preview"], no_report=given["no_report"])
        threads = set_threads(given["threads"])
        announce_first_run(given["backend"], threads, out.progress, given["device"])
        options = read_fine_options(given)
        result = make_finer(task, given["source"], given["output"], options, progress=out.progress)
        out.finish(result.document, text=summary(result.document))
    if given["preview"]:
        picture = Path(result.document["outputs"]["preview"])
        show_preview(picture, sys.stderr if given["json_output"] else sys.stdout)


def read_fine_options(given: Mapping[str, Any]) -> FineOptions:
    """Read the options from the values of the parameters, by their names."""
    from skullfix.tasks.fine import Target
    from skullfix.tasks.fine_options import FineOptions

    return FineOptions(
        target=Target(factor=given["factor"], spacing=given["spacing"]),
        like=given["like"],
        coarse=given["coarse"],
        organ=given.get("organ"),
        model=given["model"],
        device=given["device"],
        backend=given["backend"],
        mesh=not given["no_mesh"],
        mesh_format=given["mesh_format"],
        space=given["space"],
        report=not given["no_report"],
        overwrite=given["overwrite"],
    )


def summary(document: Mapping[str, Any]) -> str:
    """Say what a person reads at the end."""
    size = " x ".join(str(n) for n in document["geometry"]["size"])
    spacing = " x ".join(f"{s:.3g}" for s in document["geometry"]["spacing"])
    volume = sum(shape["volume_ml"] for shape in document["shapes"].values())
    lines = [f"{volume:.1f} ml on {size} voxels of {spacing} mm"]
    lines += [f"step: {step}" for step in document["steps"]]
    lines += [f"{name}: {path}" for name, path in document["outputs"].items()]
    lines += [f"warning: {text}" for text in document["warnings"]]
    model, seconds = document["model"], sum(document["seconds"].values())
    lines.append(f"model {model['name']}@{model['version']} ({model['licence']}), {seconds:.1f} s")
    lines.append(document["notice"])
    return "\n".join(lines)
