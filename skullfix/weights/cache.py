"""The cache of downloads: files named by their own SHA-256, so that a name cannot lie for long."""

from __future__ import annotations

import contextlib
from pathlib import Path

from skullfix.weights.digest import sha256_of

SUFFIX = ".safetensors"


def cached_path(cache: Path, sha256: str) -> Path:
    """Return where the file with this hash lies, or would lie, in the cache."""
    return cache / "files" / f"{sha256}{SUFFIX}"


def trusted(path: Path, size: int, sha256: str) -> bool:
    """Tell whether a file is there, has this size, and has this hash right now."""
    try:
        return path.stat().st_size == size and sha256_of(path) == sha256
    except OSError:
        return False


def set_aside(path: Path) -> Path | None:
    """Rename a damaged file so that nothing finds it, or delete it where that fails.

    Returns:
        Its new path, or None where it was deleted or the folder is read-only.
    """
    aside = path.with_name(f"{path.name}.damaged")
    try:
        return path.replace(aside)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        return None


def remove_cached(cache: Path, sha256: str) -> list[Path]:
    """Delete everything in the cache that belongs to one hash: file, part, damaged copies.

    Returns:
        The deleted paths. The lock file stays, since another process may wait on it.

    Raises:
        OSError: A file is there and cannot be deleted.
    """
    removed = []
    for path in sorted(cached_path(cache, sha256).parent.glob(f"{sha256}*")):
        if path.suffix != ".lock":
            path.unlink()
            removed.append(path)
    return removed
