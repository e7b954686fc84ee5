"""From what a person names to a checkpoint file that is what it says."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skullfix.errors import WeightsError
from skullfix.weights.cache import SUFFIX, cached_path, set_aside, trusted
from skullfix.weights.card import read_card
from skullfix.weights.catalogue import Entry, read_catalogue, split_reference
from skullfix.weights.digest import sha256_of
from skullfix.weights.download import download
from skullfix.weights.library import Library, home_expanded

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class CheckpointFile:
    """A checkpoint on this machine whose bytes were just checked.

    Attributes:
        path: The .safetensors file.
        name: Its name.
        version: Its version.
        sha256: Hash of its bytes.
        licence: Licence of the weights.
        card: The whole model card (fields: skullfix/weights/card.py).
        source: ``file``, ``bundled``, ``imported``, ``cached`` or ``downloaded``.
        warnings: Damaged copies that were found on the way, for the result's ``warnings``.
    """

    path: Path
    name: str
    version: str
    sha256: str
    licence: str
    card: dict[str, Any]
    source: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listed:
    """A catalogue's entry and the folder whose catalogue lists it."""

    entry: Entry
    shelf: Path
    imported: bool


def resolve_checkpoint(
    reference: str | None,
    *,
    task: str,
    also: Collection[str] = (),
    progress: Progress | None = None,
    library: Library | None = None,
) -> CheckpointFile:
    """Find a checkpoint: an explicit file, bundled, in the cache, or from a mirror.

    Args:
        reference: None for the task's default, ``NAME`` (its highest version), ``NAME@VERSION``,
            or the path of a .safetensors file with its card (.json) beside it.
        task: The task that will use it; a checkpoint made for another is refused.
        also: Tasks whose checkpoints will do as well.
        progress: Callback ``progress(stage, fraction)`` for a download.
        library: Where to look; by default what the environment says.

    Raises:
        WeightsError: It is unknown, cannot be had, is damaged, or serves another task.
    """
    library = library or Library.from_environment()
    if reference is not None and is_path(reference):
        wrong = f"{reference} names a home folder, and there is none."
        found = resolve_file(home_expanded(reference, wrong, "Write the whole path."))
    else:
        found = fetch(find(reference, task, library), library, progress)
    if found.card["task"] not in (task, *also):
        raise WeightsError(
            f"The checkpoint {found.name}@{found.version} is for the task "
            f"{found.card['task']!r}, not for {task!r}.",
            hint="`skullfix weights list` shows the task of each.",
        )
    return found


def is_path(reference: str) -> bool:
    """Tell a file from a name: names have no separator and no checkpoint's suffix."""
    return "/" in reference or "\\" in reference or reference.endswith((SUFFIX, ".pth", ".pt"))


def listed(library: Library) -> list[Listed]:
    """Return every checkpoint of the released and of the imported catalogue, in this order.

    Raises:
        WeightsError: A catalogue is damaged.
    """
    shelves = ((library.released, False), (library.imported, True))
    return [
        Listed(entry, shelf, imported)
        for shelf, imported in shelves
        for entry in read_catalogue(shelf).entries
    ]


def find(reference: str | None, task: str | None, library: Library) -> Listed:
    """Find what a name, or None for the task's default, means in the catalogues.

    Raises:
        WeightsError: Nothing has this name and version, or the task has no default.
    """
    shelves = ((library.released, False), (library.imported, True))
    name, version = (None, None) if reference is None else split_reference(reference)
    for shelf, imported in shelves:
        catalogue = read_catalogue(shelf)
        entry = catalogue.default(task or "") if name is None else catalogue.find(name, version)
        if entry is not None:
            return Listed(entry, shelf, imported)
    known = ", ".join(item.entry.reference for item in listed(library)) or "none"
    raise WeightsError(
        f"No checkpoint is the default for {task!r}; the catalogue lists: {known}."
        if reference is None
        else f"No checkpoint is called {reference!r}; the catalogue lists: {known}.",
        hint="`skullfix weights list` shows them; a .safetensors file can be named by its path.",
    )


def where(item: Listed, library: Library) -> tuple[str, Path | None]:
    """Tell, without reading it, where a checkpoint lies: bundled, imported, cached or remote."""
    if (shelved := item.shelf / item.entry.file).is_file():
        return "imported" if item.imported else "bundled", shelved
    if (cached := cached_path(library.cache, item.entry.sha256)).is_file():
        return "cached", cached
    return "remote", None


def fetch(item: Listed, library: Library, progress: Progress | None = None) -> CheckpointFile:
    """Return a catalogued checkpoint, from its shelf, from the cache, or from a mirror.

    A copy whose size or hash is wrong is named in the result's warnings and passed over; in the
    cache it is set aside first.

    Raises:
        WeightsError: No copy can be had.
    """
    entry, warnings = item.entry, []
    shelved, cached = item.shelf / entry.file, cached_path(library.cache, entry.sha256)
    if trusted(shelved, entry.size, entry.sha256):
        return _checked(item, shelved, "imported" if item.imported else "bundled", ())
    if shelved.is_file():
        warnings.append(f"{shelved} is damaged and was not used.")
    source = "cached"
    if not trusted(cached, entry.size, entry.sha256):
        if cached.is_file():
            aside = set_aside(cached)
            kept = f" (now {aside.name})" if aside else ""
            warnings.append(f"{cached} was damaged{kept} and is fetched again.")
        source = "downloaded"
        try:
            download(entry, library, progress or _silent)
        except WeightsError as error:
            if warnings:
                raise WeightsError(
                    f"{' '.join(warnings)} {error.message}", hint=error.hint
                ) from error
            raise
    return _checked(item, cached, source, tuple(warnings))


def _checked(item: Listed, path: Path, source: str, warnings: tuple[str, ...]) -> CheckpointFile:
    """Make the result of a file whose hash was just found right."""
    entry = item.entry
    card = read_card(item.shelf / entry.file)
    if (card["name"], card["version"], card["sha256"]) != (
        entry.name,
        entry.version,
        entry.sha256,
    ):
        raise WeightsError(
            f"The card of {entry.reference} in {item.shelf} describes another checkpoint.",
            hint="Install skullfix again, or import the checkpoint again.",
        )
    return CheckpointFile(
        path, entry.name, entry.version, entry.sha256, entry.licence, card, source, warnings
    )


def resolve_file(path: Path) -> CheckpointFile:
    """Check a file that was named by its path against the card beside it.

    Raises:
        WeightsError: The file or its card is missing or damaged, or they do not belong together.
    """
    if path.suffix != SUFFIX:
        raise WeightsError(
            f"{path} is no .safetensors file.",
            hint=f"`skullfix weights import {path}` converts a checkpoint of the authors.",
        )
    if not path.is_file():
        raise WeightsError(f"There is no file {path}.", hint="Check the path.")
    try:
        found = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror}.", hint="Check it.") from error
    card = read_card(path, found)
    if found != card["sha256"]:
        raise WeightsError(
            f"{path} is damaged or another file: its card expects sha256 {card['sha256']}, "
            f"found {found}.",
            hint="Restore the file, or the card that belongs to it.",
        )
    return CheckpointFile(path, card["name"], card["version"], found, card["licence"], card, "file")


def _silent(stage: str, fraction: float | None) -> None:
    """Report to nobody."""
