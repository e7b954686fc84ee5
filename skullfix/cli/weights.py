"""``skullfix weights``: list, pull, verify, path, remove (import, release, vaults: own files)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skullfix.cli.render import JsonOption, Output, QuietOption, command
from skullfix.cli.weights_import import import_checkpoint
from skullfix.cli.weights_release import release
from skullfix.cli.weights_vaults import vaults

if TYPE_CHECKING:
    from skullfix.weights.library import Library
    from skullfix.weights.resolve import CheckpointFile, Listed

app = typer.Typer(
    help="""List, fetch, check and import checkpoints.

    Example: skullfix weights list

    Example: skullfix weights verify
    """,
    no_args_is_help=True,
)
app.command("import")(import_checkpoint)
app.command("release")(release)
app.command("vaults")(vaults)

Reference = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="See `weights list`.")]


@app.command("list")
def list_checkpoints(
    json_output: JsonOption = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The released ones, as the README's table.")
    ] = False,
) -> None:
    """Show every checkpoint: task, licence, size, measured accuracy, and where it is.

    Example: skullfix weights list

    Example: skullfix weights list --json
    """
    with command(json_output) as out:
        out.facts["task"] = "weights list"
        from skullfix.cli.weights_table import markdown_table, rows, table
        from skullfix.weights.library import Library

        found = rows(Library.from_environment())
        text = markdown_table(found) if markdown else table(found)
        out.finish({"status": "success", "checkpoints": found}, text)


@app.command()
def pull(
    reference: Annotated[str, typer.Argument(metavar="[NAME[@VERSION]]")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Every checkpoint of the catalogue.")
    ] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bring a checkpoint onto this machine, so that it is there without a network.

    Example: skullfix weights pull implant-s-128

    Example: skullfix weights pull --all
    """
    with command(json_output, quiet=quiet) as out:
        out.facts["task"] = "weights pull"
        from skullfix.errors import UsageError
        from skullfix.weights.library import Library
        from skullfix.weights.resolve import find, listed

        if bool(reference) == every:
            raise UsageError(
                "Give either a checkpoint or --all.",
                hint="`skullfix weights list` shows the names.",
            )
        library = Library.from_environment()
        items = listed(library) if every else [find(reference, None, library)]
        files = [_fetch(item, library, out) for item in items]
        warnings = [warning for f in files for warning in f.warnings]
        document = {
            "status": "success",
            "warnings": warnings,
            "checkpoints": [
                {
                    "name": f.name,
                    "version": f.version,
                    "sha256": f.sha256,
                    "path": f.path,
                    "source": f.source,
                }
                for f in files
            ],
        }
        lines = [f"{f.name}@{f.version}  {f.source}  {f.path}" for f in files]
        out.finish(document, "\n".join(warnings + lines) or "The catalogue is empty.")


@app.command()
def verify(json_output: JsonOption = False, quiet: QuietOption = False) -> None:
    """Compare every checkpoint on this machine with its hash; exit code 4 where one differs.

    Example: skullfix weights verify

    Example: skullfix weights verify --json
    """
    with command(json_output, quiet=quiet) as out:
        out.facts["task"] = "weights verify"
        from skullfix.errors import WeightsError
        from skullfix.weights.cache import trusted
        from skullfix.weights.library import Library
        from skullfix.weights.resolve import listed, where

        library = Library.from_environment()
        good: list[dict[str, str]] = []
        bad: list[dict[str, str]] = []
        for item in listed(library):
            path = where(item, library)[1]
            if path is None:
                continue
            out.progress(f"verify {item.entry.reference}")
            right = trusted(path, item.entry.size, item.entry.sha256)
            (good if right else bad).append({"name": item.entry.reference, "path": str(path)})
        if bad:
            out.facts.update(verified=good, damaged=bad)
            raise WeightsError(
                f"Damaged: {', '.join(entry['path'] for entry in bad)}.",
                hint="`skullfix weights pull NAME` fetches a checkpoint again.",
            )
        text = "\n".join(f"{entry['name']}  verified  {entry['path']}" for entry in good)
        out.finish({"status": "success", "verified": good, "damaged": []}, text or "None is here.")


@app.command()
def path(reference: Reference, json_output: JsonOption = False) -> None:
    """Print the path of a checkpoint that is on this machine.

    Example: skullfix weights path implant-s-128

    Example: skullfix weights path implant-s-128@0.1.0
    """
    with command(json_output) as out:
        out.facts["task"] = "weights path"
        from skullfix.errors import WeightsError
        from skullfix.weights.library import Library
        from skullfix.weights.resolve import find, where

        library = Library.from_environment()
        item = find(reference, None, library)
        source, found = where(item, library)
        if found is None:
            raise WeightsError(
                f"{item.entry.reference} is not on this machine.",
                hint=f"`skullfix weights pull {item.entry.reference}` fetches it.",
            )
        out.finish({"status": "success", "path": found, "source": source}, str(found))


@app.command()
def remove(reference: Reference, json_output: JsonOption = False) -> None:
    """Delete a downloaded or imported checkpoint from this machine.

    Example: skullfix weights remove mine

    Example: skullfix weights remove mine@1
    """
    with command(json_output) as out:
        out.facts["task"] = "weights remove"
        from skullfix.weights.library import Library
        from skullfix.weights.remove import remove_checkpoint
        from skullfix.weights.resolve import find

        library = Library.from_environment()
        removed: list[Path] = remove_checkpoint(find(reference, None, library), library)
        text = "\n".join(f"removed {each}" for each in removed) or "Nothing of it is here."
        out.finish({"status": "success", "removed": removed}, text)


def _fetch(item: Listed, library: Library, out: Output) -> CheckpointFile:
    """Fetch one checkpoint, with its size given to the bar so that it can show a rate."""
    from skullfix.weights.resolve import fetch

    size = item.entry.size
    return fetch(item, library, lambda stage, part: out.progress(stage, part, size=size))
