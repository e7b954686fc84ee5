"""The hash of an input: of a file with what it refers to, or of all files of a folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from skullfix.errors import InputError
from skullfix.images.formats import SUFFIXES, split_suffix
from skullfix.images.limits import MAX_FOLDER_FILES
from skullfix.images.meta_header import read_meta_header
from skullfix.images.nrrd_header import read_nrrd_header
from skullfix.weights.digest import sha256_of


def input_sha256(source: Path) -> str:
    """Hash everything that an input consists of.

    Args:
        source: A file that skullfix reads, or a DICOM folder.

    Raises:
        InputError: It cannot be opened, or is no file at all.
    """
    try:
        if source.is_dir():
            files = _files_below(source)
            names = [file.relative_to(source).as_posix() for file in files]
        else:
            files = _with_detached(source)
            names = [file.name for file in files]
        if len(files) == 1 and not source.is_dir():
            return sha256_of(source)
        parts = [f"{sha256_of(f)} {n}\n" for f, n in zip(files, names, strict=True)]
    except OSError as error:
        raise InputError(
            f"{source} cannot be opened ({error.strerror or error}).",
            hint="Check the path and your permission to read it.",
        ) from error
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _files_below(folder: Path) -> list[Path]:
    """List the plain files below a folder as the DICOM reader sees them."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        found += [path for name in sorted(names) if (path := Path(root) / name).is_file()]
        if len(found) > MAX_FOLDER_FILES:
            raise InputError(
                f"{folder} holds more than {MAX_FOLDER_FILES:,} files.",
                hint="Give the folders of the single series.",
            )
    return found


def _with_detached(file: Path) -> list[Path]:
    """Give a file and, for a header alone, the file that holds its voxels."""
    file.stat()  # what is missing or unreadable is said by the system
    if not file.is_file():
        raise InputError(f"{file} is no plain file.", hint="Give a file or a DICOM folder.")
    form = SUFFIXES.get(split_suffix(file.name)[1])
    if form not in ("nrrd", "metaimage"):
        return [file]
    try:
        header = read_nrrd_header(file) if form == "nrrd" else read_meta_header(file)
    except InputError:  # it will be refused when it is read, with this reason
        return [file]
    return [file] if header.payload.file == file else [file, header.payload.file]
