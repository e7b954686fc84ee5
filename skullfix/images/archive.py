"""A zip of a DICOM folder, unpacked with distrust."""

from __future__ import annotations

import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from skullfix.errors import InputError
from skullfix.images.limits import (
    FREE_ARCHIVE_BYTES,
    MAX_ARCHIVE_BYTES,
    MAX_ARCHIVE_RATIO,
    MAX_FOLDER_FILES,
)

_CHUNK = 2**20
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    RuntimeError,
    LookupError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack a zip into a temporary folder, which is removed at the end.

    The entries get numbers for names, so no name in the archive can reach another place.

    Args:
        path: The zip file.

    Yields:
        The folder.

    Raises:
        InputError: Not a zip, damaged, encrypted, names that leave the archive, or a bomb.
    """
    with tempfile.TemporaryDirectory(prefix="skullfix-") as name:
        try:
            with zipfile.ZipFile(path) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
                _check(path, entries)
                left = MAX_ARCHIVE_BYTES
                for number, entry in enumerate(entries):
                    left -= _unpack(path, archive, entry, Path(name) / f"{number:05d}", left)
        except _ZIP_ERRORS as error:
            raise InputError(
                f"{path.name} cannot be unpacked ({str(error)[:120]}).",
                hint="Unpack it with another program and give the folder.",
            ) from error
        yield Path(name)


def _check(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse by the archive's own table of contents."""
    for entry in entries:
        name = PurePosixPath(entry.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in entry.filename[:2]:
            raise InputError(
                f"{path.name} holds the name {entry.filename[:120]!r}, which leads out of the "
                "archive.",
                hint="Do not trust this archive; ask for another one.",
            )
        if entry.flag_bits & 1:
            raise InputError(
                f"{path.name} is encrypted.", hint="Unpack it with its password, give the folder."
            )
    total, packed = sum(e.file_size for e in entries), sum(e.compress_size for e in entries)
    if (
        len(entries) > MAX_FOLDER_FILES
        or total > MAX_ARCHIVE_BYTES
        or (total > FREE_ARCHIVE_BYTES and total > MAX_ARCHIVE_RATIO * max(packed, 1))
    ):
        raise InputError(
            f"{path.name} unpacks to {len(entries):,} files and {total:,} bytes from "
            f"{packed:,}; at most {MAX_FOLDER_FILES:,} files, {MAX_ARCHIVE_BYTES:,} bytes and "
            f"{MAX_ARCHIVE_RATIO} times its size are unpacked.",
            hint="Make an archive of the one series that is wanted.",
        )


def _unpack(
    path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int
) -> int:
    """Write one entry; bytes written. The table of contents may lie, so they are counted."""
    written = 0
    with archive.open(entry) as source, target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > min(left, entry.file_size):
                raise InputError(
                    f"{path.name} unpacks to more than it declares.",
                    hint="Do not trust this archive; ask for another one.",
                )
            file.write(chunk)
    return written
