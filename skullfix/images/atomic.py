"""A volume's bytes as a file that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from skullfix.files.whole import whole_file


def write_atomic(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file piece by piece; an existing one is replaced at the end.

    Raises:
        OutputError: The folder is missing or not writable, or the disk is full.
    """
    with whole_file(path, overwrite=True) as file:
        for chunk in chunks:
            file.write(chunk)
