"""One batch at a time in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from skullfix.errors import OutputError

LOCK_NAME = ".batch.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the system lets go when the process ends, however it does.

    Raises:
        OutputError: Another batch works there, or the folder cannot be locked.
    """
    lock = FileLock(folder / LOCK_NAME, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"Another batch is writing to {folder}.",
            hint="Wait for it, or choose another folder with -o.",
        ) from error
    except (OSError, NotImplementedError) as error:
        raise OutputError(
            f"{folder} cannot be locked ({error}).",
            hint="Choose a folder that is writable and on a disk with file locks.",
        ) from error
    try:
        yield
    finally:
        lock.release()
