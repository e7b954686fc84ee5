"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path


def write_json(path: Path, document: Mapping[str, object]) -> None:
    """Write a JSON document (UTF-8, two-space indent, one last newline) atomically.

    Raises:
        OSError: The folder cannot be written.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with _temporary(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        put_in_place(temporary, path)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes to ``target`` atomically.

    Raises:
        OSError: The source cannot be read or the folder cannot be written.
    """
    with _temporary(target) as temporary:
        shutil.copyfile(source, temporary)
        put_in_place(temporary, target)


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Give an own name in the same folder, and leave nothing under it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(temporary: Path, target: Path) -> None:
    """Put a finished file on the disk for good and give it its name, in that order.

    Raises:
        OSError: The disk or the folder refuses.
    """
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(target)
