"""``skullfix weights release``: put a checkpoint into the project's catalogue (for maintainers)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skullfix.cli.render import JsonOption, command


def release(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE.safetensors")],
    card: Annotated[Path, typer.Option("--card", help="Its model card (JSON).")],
    default: Annotated[
        bool, typer.Option("--default", help="What its task uses when none is named.")
    ] = False,
    bundle: Annotated[
        bool, typer.Option(help="Copy the file itself too; without it, mirrors must have it.")
    ] = True,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Shelf; default: the released checkpoints.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Add a checkpoint to the catalogue (maintainers): hash and size computed, card checked.

    Example: skullfix weights release network.safetensors --card card.json --default

    Example: skullfix weights release network.safetensors --card card.json --folder shelf/
    """
    with command(json_output) as out:
        out.facts.update(task="weights release", inputs=[checkpoint, card])
        from dataclasses import asdict

        from skullfix.weights.card import read_json
        from skullfix.weights.library import Library
        from skullfix.weights.publish import publish_checkpoint

        shelf = folder or Library.from_environment().released
        entry = publish_checkpoint(
            checkpoint, read_json(card), shelf, default=default, bundle=bundle
        )
        text = f"{entry.reference}  {entry.size} bytes  sha256 {entry.sha256}  in {shelf}"
        out.finish({"status": "success", "checkpoint": asdict(entry), "folder": shelf}, text)
