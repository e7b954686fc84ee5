"""Add a checkpoint to a shelf: file, card and catalogue, with no figure typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from skullfix.errors import OutputError, WeightsError
from skullfix.weights.atomic import copy_file, write_json
from skullfix.weights.card import check_card
from skullfix.weights.catalogue import (
    Catalogue,
    Entry,
    file_name,
    read_catalogue,
    version_key,
    write_catalogue,
)
from skullfix.weights.digest import sha256_of
from skullfix.weights.shapes import tensor_shapes


def publish_checkpoint(
    source: Path,
    card: Mapping[str, Any],
    shelf: Path,
    *,
    default: bool = False,
    bundle: bool = True,
) -> Entry:
    """Put a checkpoint and its card on a shelf and into the shelf's catalogue.

    Args:
        source: The .safetensors file.
        card: Its card; ``sha256`` is filled in here.
        shelf: Folder of the catalogue, e.g. the repository's ``weights``.
        default: Make it what its task uses when none is named.
        bundle: Copy the file to the shelf; without it only the card and the entry are written, and
            users fetch the file from a mirror.

    Returns:
        The new entry of the catalogue.

    Raises:
        WeightsError: The file is no safetensors file or the card is not usable.
        OutputError: Name and version are taken by other bytes, or the shelf cannot be written.
    """
    tensor_shapes(source)
    try:
        digest, size = sha256_of(source), source.stat().st_size
    except OSError as error:
        raise WeightsError(f"Cannot read {source}: {error.strerror}.", hint="Check it.") from error
    whole = {**card, "sha256": digest}
    check_card(whole, "given")
    entry = Entry(
        name=whole["name"],
        version=whole["version"],
        task=whole["task"],
        architecture=whole["architecture"],
        spacing_mm=whole["spacing_mm"],
        file=file_name(whole["name"], whole["version"]),
        size=size,
        sha256=digest,
        licence=whole["licence"],
        metrics=whole["metrics"],
        default=default,
    )
    catalogue = _with(read_catalogue(shelf), entry)
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        target = shelf / entry.file
        if bundle and source.resolve() != target.resolve():
            copy_file(source, target)
        write_json(target.with_suffix(".json"), whole)
        write_catalogue(shelf, catalogue)  # last: what it lists is there
    except OSError as error:
        raise OutputError(
            f"Cannot write to {shelf}: {error.strerror or error}.",
            hint="Give permission or make room there, or choose another folder.",
        ) from error
    return entry


def _with(catalogue: Catalogue, entry: Entry) -> Catalogue:
    """Add an entry; what a pinned NAME@VERSION gives never changes."""
    others = []
    for old in catalogue.entries:
        if old.reference == entry.reference:
            if old.sha256 != entry.sha256:
                raise OutputError(
                    f"{entry.reference} is in the catalogue with sha256 {old.sha256}; "
                    f"this file has {entry.sha256}.",
                    hint="Give the new checkpoint a higher version in its card.",
                )
            continue
        taken = entry.default and old.task == entry.task
        others.append(replace(old, default=False) if taken else old)
    ordered = sorted([*others, entry], key=lambda e: (e.task, e.name, version_key(e.version)))
    return Catalogue(tuple(ordered))
