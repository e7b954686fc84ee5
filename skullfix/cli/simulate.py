"""``skullfix simulate``: test cases from complete skulls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skullfix.cli.render import JsonOption, QuietOption, command

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make test cases from intact skulls.

    Example: skullfix simulate defect skull.nrrd -o cases/ --seed 7

    Example: skullfix simulate coarse skull.nrrd -o coarse/ --spacing 3.6
    """


@app.command()
def defect(
    source: Annotated[Path, typer.Argument(metavar="SKULL", help="Mask of a complete skull.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")],
    seed: Annotated[int, typer.Option(help="Seed of the first defect.", min=0)] = 0,
    count: Annotated[int, typer.Option(help="How many defects.", min=1, max=1000)] = 1,
    family: Annotated[
        str,
        typer.Option(
            help="parietotemporal, fronto-orbital, bilateral, occipital, irregular, two-holes, "
            "ragged, base, deep or random."
        ),
    ] = "random",
    minimum: Annotated[float, typer.Option(help="Smallest volume, ml.")] = 8.0,
    maximum: Annotated[float, typer.Option(help="Largest volume, ml.")] = 150.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Cut random defects; writes defective skulls and the true implants.

    Example: skullfix simulate defect skull.nrrd -o cases/ --seed 7

    Example: skullfix simulate defect skull.nrrd -o cases/ --family bilateral --count 5
    """
    with command(json_output, quiet=quiet) as out:
        out.facts.update(task="simulate defect", inputs=[str(source)])
        from skullfix.tasks.simulate import simulate_files

        cases = simulate_files(
            source,
            output,
            seed=seed,
            count=count,
            family=None if family == "random" else family,
            volume_range_ml=(minimum, maximum),
            overwrite=overwrite,
            progress=out.progress,
        )
        lines = [f"{c['defective']}: {c['family']}, {c['volume_ml']:.1f} ml" for c in cases]
        out.finish({"status": "success", "cases": cases}, text="\n".join(lines))


@app.command()
def coarse(
    source: Annotated[Path, typer.Argument(metavar="MASK", help="Fine mask.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")],
    spacing: Annotated[float, typer.Option(metavar="MM", help="Spacing of the coarse mask.")] = 3.6,
    kind: Annotated[str, typer.Option(help="plain, or ragged as a fast segmentation.")] = "plain",
    back: Annotated[
        bool, typer.Option("--back", help="Also interpolate it back to the fine grid.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of ragged.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a coarse mask out of a fine one.

    Example: skullfix simulate coarse skull.nrrd -o coarse/ --spacing 3.6

    Example: skullfix simulate coarse aorta.nii.gz -o coarse/ --spacing 4.5 --kind ragged --seed 7
    """
    with command(json_output, quiet=quiet) as out:
        out.facts.update(task="simulate coarse", inputs=[str(source)])
        from skullfix.tasks.simulate_coarse import simulate_coarse

        result = simulate_coarse(
            source,
            output,
            spacing=spacing,
            kind=kind,
            back=back,
            seed=seed,
            overwrite=overwrite,
        )
        lines = [f"{name}: {path}" for name, path in result["outputs"].items()]
        out.finish({"status": "success", **result}, text="\n".join(lines))
