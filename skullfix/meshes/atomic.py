"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from skullfix.errors import OutputError


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[IO[bytes]]:
    """Open a binary file for writing under a temporary name; rename it when all went well.

    Args:
        path: The file to make; its folder must exist.
        overwrite: Whether an existing file may be replaced.

    Yields:
        The open file.

    Raises:
        OutputError: The file exists already or cannot be written.
    """
    if path.exists() and not overwrite:
        raise OutputError(
            f"The output {path} exists already.",
            hint="Use --overwrite to replace it, or choose another folder with -o.",
        )
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent
        )
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # a temporary file is private; an output is not
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise OutputError(
            f"The output {path} cannot be written: {error.strerror or error}.",
            hint="Check that the folder exists, is writable and has room.",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
