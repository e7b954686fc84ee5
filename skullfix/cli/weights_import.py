"""``skullfix weights import``: make a foreign or own checkpoint usable by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skullfix.cli.render import JsonOption, command

if TYPE_CHECKING:
    from skullfix.weights.catalogue import Entry
    from skullfix.weights.library import Library

VERSION = "1"


def import_checkpoint(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .pth of the authors, or a .safetensors.")
    ],
    name: Annotated[str, typer.Option("--name", help="Its name here; default: the file's.")] = "",
    task: Annotated[
        str | None,
        typer.Option("--task", help="The task of a .pth: complete (default), upscale, refine."),
    ] = None,
    spacing: Annotated[
        float | None, typer.Option("--spacing", min=0.01, help="Grid spacing of a .pth, in mm.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence of a .pth; unknown by default.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Check a checkpoint, convert it if it is a .pth, and keep it under a name of its own.

    Example: skullfix weights import runs/first/network.safetensors --name mine

    Example: skullfix weights import authors.pth --name theirs --task complete --spacing 1.8
    """
    with command(json_output) as out:
        out.facts.update(task="weights import", inputs=[source])
        from dataclasses import asdict

        from skullfix.weights.library import Library

        library = Library.from_environment()
        if source.suffix == ".safetensors":
            _refuse_pickle_options({"--task": task, "--spacing": spacing, "--licence": licence})
            entry = _import_safetensors(source, name, library)
        else:
            given = {
                "task": task or "complete",
                "spacing_mm": spacing,
                "licence": licence or "unknown",
            }
            entry = _import_pickle(source, name, given, library)
        text = f"{entry.reference} is ready: name it with --model {entry.name}"
        path = library.imported / entry.file
        out.finish({"status": "success", "checkpoint": asdict(entry), "path": path}, text)


def _refuse_pickle_options(given: dict[str, object]) -> None:
    """Refuse what a checkpoint with a card of its own does not need to be told."""
    from skullfix.errors import UsageError

    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{option} is for a .pth alone; the card of a .safetensors says it already.",
                hint=f"Leave {option} out, or correct the card.",
            )


def _import_safetensors(source: Path, name: str, library: Library) -> Entry:
    """Check a checkpoint's hash against its card, and that it holds the network of its card."""
    from skullfix.networks.checkpoint import load_network
    from skullfix.weights.resolve import resolve_file

    card = resolve_file(source).card
    load_network(source, card)
    return _keep(source, {**card, "name": name or card["name"]}, library)


def _import_pickle(source: Path, name: str, given: dict[str, Any], library: Library) -> Entry:
    """Convert a MinkowskiEngine state dict of the authors."""
    import tempfile

    from safetensors.torch import save_file

    from skullfix.weights.digest import sha256_of
    from skullfix.weights.pickle_import import read_pickled_state

    foreign = read_pickled_state(source)
    from skullfix.networks.minkowski_names import convert_minkowski

    config, state = convert_minkowski(foreign)
    card = {
        **given,
        **config.to_dict(),
        "name": name or _name_of(source),
        "version": VERSION,
        "training_data": "unknown",
        "metrics": {},
        "created_with": [f"skullfix weights import {source.name}"],
        "thresholds": None,
        "notes": f"Converted from {source.name}, sha256 {sha256_of(source)}.",
    }
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / "converted.safetensors"
        save_file(state, converted)
        return _keep(converted, card, library)


def _keep(source: Path, card: dict[str, Any], library: Library) -> Entry:
    """Put a checked checkpoint on the user's own shelf; released names stay what they are."""
    from filelock import FileLock

    from skullfix.errors import OutputError, UsageError
    from skullfix.weights.catalogue import read_catalogue
    from skullfix.weights.publish import publish_checkpoint

    if read_catalogue(library.released).find(card["name"]) is not None:
        raise UsageError(
            f"{card['name']!r} is the name of a released checkpoint.", hint="Give --name another."
        )
    try:
        library.cache.mkdir(parents=True, exist_ok=True)
        with FileLock(library.cache / "imported.lock"):
            return publish_checkpoint(source, card, library.imported)
    except OSError as error:
        raise OutputError(
            f"Cannot write to {library.cache}: {error.strerror or error}.",
            hint="Give permission there, or set SKULLFIX_CACHE to another folder.",
        ) from error


def _name_of(source: Path) -> str:
    """Make a name of a file's: lower-case words joined by ``-``."""
    import re

    return "-".join(re.findall(r"[a-z0-9]+", source.stem.lower())) or "imported"
