"""``skullfix demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skullfix.cli.first_run import announce_first_run
from skullfix.cli.render import JsonOption, QuietOption, command


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder.")] = Path("skullfix-demo"),
    seed: Annotated[int, typer.Option(help="Seed of the patient.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a head CT with a hole in the skull, and complete it.

    Example: skullfix demo

    Example: skullfix demo -o somewhere/ --seed 3
    """
    with command(json_output, quiet=quiet) as out:
        out.facts["task"] = "demo"
        from skullfix.cli.complete import summary
        from skullfix.sparse.threads import set_threads
        from skullfix.tasks.demo import demo as task

        announce_first_run("auto", set_threads(0), out.progress)
        result = task(output, seed=seed, overwrite=overwrite, progress=out.progress)
        document = {**result.completion.document, "task": "demo"}
        document["scores"] = result.scores.to_dict()
        text = (
            f"patient: {result.scan}\n{summary(document)}\n"
            f"implant against the piece removed: DSC {result.scores.dice:.3f}, "
            f"HD95 {result.scores.hausdorff95_mm:.2f} mm"
        )
        out.finish(document, text=text)
