"""One file, written under a temporary name beside its own and then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from skullfix.errors import OutputError


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Give an unused name in the folder of `path`; whatever lies there at the end is removed."""
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def put_in_place(temporary: Path, target: Path) -> None:
    """Put a finished file on the disk for good and give it its name, in that order.

    Raises:
        OSError: The disk or the folder refuses.
    """
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(target)


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[IO[bytes]]:
    """Open a binary file for writing that gets its name only when all went well.

    Args:
        path: The file to make; its folder must exist.
        overwrite: Whether an existing file may be replaced.

    Yields:
        The open file.

    Raises:
        OutputError: The file exists already or cannot be written.
    """
    if path.exists() and not path.is_file():  # a device or a pipe would be replaced by a file
        raise OutputError(
            f"The output {path} cannot be written: it is no ordinary file.",
            hint="Choose another name for the output.",
        )
    if path.exists() and not overwrite:
        raise OutputError(
            f"The output {path} exists already.",
            hint="Use --overwrite to replace it, or choose another folder with -o.",
        )
    try:
        with temporary_beside(path) as temporary:
            with temporary.open("xb") as file:
                yield file
            put_in_place(temporary, path)
    except OSError as error:
        raise OutputError(
            f"The output {path} cannot be written: {error.strerror or error}.",
            hint="Check that the folder exists, is writable and has room.",
        ) from error
