"""``skullfix slicer-module``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skullfix.cli.render import JsonOption, QuietOption, command


def slicer_module(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the modules.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write modules for 3D Slicer: complete, upscale and refine.

    Example: skullfix slicer-module ~/slicer-modules

    Example: skullfix slicer-module ~/slicer-modules --overwrite

    Then add the folder in Slicer under Edit, Application Settings, Modules, and restart it.
    """
    with command(json_output, quiet=quiet) as out:
        out.facts.update(task="slicer-module", inputs=[])
        from skullfix.slicer.write import write_modules

        written = write_modules(folder, overwrite=overwrite)
        text = f"wrote {len(written)} files into {folder}; add it to Slicer's module paths"
        out.finish(
            {"status": "success", "outputs": {path.name: str(path) for path in written}}, text
        )
