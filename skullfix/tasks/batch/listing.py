"""Lists of inputs: a text file with a path a line, or a table with a column of paths."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from skullfix.errors import InputError

_TABLES = {".csv": ",", ".tsv": "\t"}
_ENDINGS = (*_TABLES, ".txt")
_COLUMNS = ("path", "input", "file", "filename", "scan", "image")
_MAX_BYTES = 2**26
_HINT = "Write one path a line, or a table with a column `path`."


def is_listing(path: Path) -> bool:
    """Tell a list by its name."""
    return path.suffix.lower() in _ENDINGS and path.is_file()


def read_listing(path: Path) -> list[tuple[str, Path, str]]:
    """Read a list; paths are relative to its folder, repeated ones count once.

    Args:
        path: .txt: one path a line, ``#`` begins a comment line. .csv, .tsv: the column ``path``
            (or input, file, filename, scan, image), or the first one where no header names it.

    Returns:
        Name, path and trouble (empty) of each; names are relative to the folder that holds all.

    Raises:
        InputError: It cannot be read as text.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path} is too large for a list.", hint=_HINT)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list ({error}).", hint=_HINT) from error
    if "\0" in text:
        raise InputError(f"{path} is no text.", hint=_HINT)
    separator = _TABLES.get(path.suffix.lower())
    try:
        words = _column(text, separator) if separator else _lines(text)
    except csv.Error as error:
        raise InputError(f"{path} is no table ({error}).", hint=_HINT) from error
    base = path.resolve().parent
    paths = [Path(os.path.normpath(base / word)) for word in dict.fromkeys(words)]
    paths = list(dict.fromkeys(paths))
    if not paths:
        return []
    try:
        root = Path(os.path.commonpath([item.parent for item in paths]))
    except ValueError as error:  # two drives
        raise InputError(f"{path} names files on several drives.", hint=_HINT) from error
    return [(item.relative_to(root).as_posix(), item, "") for item in paths]


def _lines(text: str) -> list[str]:
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def _column(text: str, separator: str) -> list[str]:
    """Take the column of paths."""
    rows = [row for row in csv.reader(text.splitlines(), delimiter=separator) if any(row)]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    known = [header.index(name) for name in _COLUMNS if name in header]
    column = known[0] if known else 0
    cells = (row[column].strip() for row in rows[1 if known else 0 :] if len(row) > column)
    return [cell for cell in cells if cell]
