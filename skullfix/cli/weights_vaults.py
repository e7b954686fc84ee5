"""``skullfix weights vaults``: give a checkpoint the vaults of a population (for maintainers)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skullfix.cli.render import JsonOption, QuietOption, command


def vaults(
    data: Annotated[
        list[Path],
        typer.Argument(help="Folders of complete skulls (complete_skull/, split.txt)."),
    ],
    model: Annotated[
        str, typer.Option("--model", help="Checkpoint of complete: NAME[@VERSION] or a path.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The new FILE.safetensors; a card goes beside.")
    ],
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Copy a checkpoint and put the vaults of the training skulls in (maintainers).

    Example: skullfix weights vaults autoimplant/ --model implant-l-128 -o new.safetensors

    Example: skullfix weights vaults autoimplant/ more/ --model own.safetensors -o new.safetensors
    """
    with command(json_output, quiet=quiet) as out:
        out.facts.update(task="weights vaults", inputs=[str(folder) for folder in data])
        from skullfix.training.vaults import add_vaults

        result = add_vaults(data, model, output, progress=out.progress)
        out.finish(result, text=f"{result['vaults']} vaults: {result['checkpoint']}")
