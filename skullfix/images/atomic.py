"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from skullfix.errors import OutputError


def write_atomic(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file under a temporary name in its folder, then rename it.

    Args:
        path: The file; an existing one is replaced at the end.
        chunks: Its bytes, in pieces.

    Raises:
        OutputError: The folder is missing or not writable, or the disk is full.
    """
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}).",
            hint="Check that the folder exists, may be written to, and has space left.",
        ) from error
