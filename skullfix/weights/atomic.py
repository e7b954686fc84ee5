"""JSON documents and copies that appear whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from skullfix.files.whole import put_in_place, temporary_beside


def write_json(path: Path, document: Mapping[str, object]) -> None:
    """Write a JSON document (UTF-8, two-space indent, one last newline) atomically.

    Raises:
        OSError: The folder cannot be written.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with temporary_beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        put_in_place(temporary, path)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes to ``target`` atomically.

    Raises:
        OSError: The source cannot be read or the folder cannot be written.
    """
    with temporary_beside(target) as temporary:
        shutil.copyfile(source, temporary)
        put_in_place(temporary, target)
