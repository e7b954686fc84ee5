"""Take a checkpoint off this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skullfix.errors import OutputError, UsageError
from skullfix.weights.cache import remove_cached
from skullfix.weights.catalogue import read_catalogue, write_catalogue
from skullfix.weights.library import Library
from skullfix.weights.resolve import Listed


def remove_checkpoint(item: Listed, library: Library) -> list[Path]:
    """Delete a checkpoint's downloaded copies, or the whole of an imported one.

    Returns:
        The deleted paths; empty where nothing was there.

    Raises:
        UsageError: It is bundled with skullfix and nothing of it is in the cache.
        OutputError: A file cannot be deleted.
    """
    entry = item.entry
    try:
        removed = remove_cached(library.cache, entry.sha256)
        shelved = item.shelf / entry.file
        if item.imported:
            catalogue = read_catalogue(item.shelf)
            rest = tuple(e for e in catalogue.entries if e.reference != entry.reference)
            write_catalogue(item.shelf, replace(catalogue, entries=rest))
            for path in (shelved, shelved.with_suffix(".json")):
                path.unlink(missing_ok=True)
                removed.append(path)
        elif not removed and shelved.is_file():
            raise UsageError(
                f"{entry.reference} is a part of this installation ({shelved}).",
                hint="Only downloaded and imported checkpoints can be removed.",
            )
    except OSError as error:
        raise OutputError(
            f"Cannot delete {error.filename}: {error.strerror}.", hint="Give permission there."
        ) from error
    return removed
