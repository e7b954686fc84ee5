"""What the text headers (NRRD, MetaImage) have in common: a bounded read, and safe file names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from skullfix.errors import InputError
from skullfix.images.limits import MAX_HEADER_BYTES, MAX_SIDE, MAX_VOXELS
from skullfix.images.payload import DAMAGED


def read_start(path: Path) -> bytes:
    """First bytes of a file, at most MAX_HEADER_BYTES."""
    with path.open("rb") as file:
        return file.read(MAX_HEADER_BYTES)


def check_end(name: str, start: bytes, *, found: bool) -> None:
    """Refuse a header whose end was not found within MAX_HEADER_BYTES.

    Args:
        name: File name for the message.
        start: As `read_start` gives it.
        found: Whether it holds the header's end.

    Raises:
        InputError: The header goes on.
    """
    if not found and len(start) == MAX_HEADER_BYTES:
        raise InputError(
            f"{name} has a header of more than {MAX_HEADER_BYTES:,} bytes.",
            hint="The file is damaged, or is not what its name says; export it again.",
        )


def neighbour(header: Path, name: str) -> Path:
    """Path of the data file that a detached header names; it must lie beside or below the header.

    Raises:
        InputError: The name leads elsewhere, is a list or pattern of files, or nothing is there.
    """
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.anchor or ".." in posix.parts or ".." in windows.parts:
        raise InputError(
            f"{header.name} keeps its voxels in another folder ({name[:200]!r}); "
            "only a file beside the header is read.",
            hint="Put the data file beside its header and name it there without a folder.",
        )
    if "%" in name or name.upper().startswith("LIST") or "\0" in name:
        raise InputError(
            f"{header.name} spreads its voxels over several files ({name[:200]!r}), "
            "which is not supported.",
            hint="Save the image again as one file, for example as .nrrd.",
        )
    file = header.parent / name
    if not file.is_file():
        raise InputError(
            f"{header.name} names the data file {name[:200]!r}, which is not there.",
            hint=f"Copy it into {header.parent} too.",
        )
    return file


def unoriented(name: str) -> str:
    """Warning for a header that names no anatomical directions.

    Args:
        name: File name.
    """
    return (
        f"{name} does not say how it is oriented; its axes are taken for left, posterior and "
        "superior. Left and right may be mirrored."
    )


def check_size(name: str, size: Sequence[int]) -> None:
    """Refuse a grid that no scan has, before anything is allocated.

    Args:
        name: File name for the message.
        size: Voxels along each axis, any order.

    Raises:
        InputError: A side below one, or a side or the whole beyond the limits.
    """
    shown = " x ".join(str(side) for side in size)
    if any(side < 1 for side in size):
        raise InputError(
            f"{name} has no voxels: its header gives the size {shown}.",
            hint="The file is empty or damaged; export it again.",
        )
    if max(size) > MAX_SIDE or math.prod(size) > MAX_VOXELS:
        raise InputError(
            f"{name} promises a grid of {shown} voxels; at most {MAX_SIDE} along a side and "
            f"{MAX_VOXELS:,} in all are read.",
            hint="Crop the scan to the head, or resample it to a coarser grid.",
        )


def integers(name: str, fields: Mapping[str, str], key: str, default: str = "") -> list[int]:
    """Read the whole numbers of a field.

    Args:
        name: File name for the message.
        fields: The header.
        key: The field.
        default: What an absent field stands for.

    Raises:
        InputError: Absent, too many, or not whole numbers without sign.
    """
    value = fields.get(key, default)
    words = value.split()
    if not words or len(words) > 16 or not all(re.fullmatch(r"[0-9]{1,18}", w) for w in words):
        raise InputError(f"{name} has no usable field {key!r}: {value[:80]!r}.", hint=DAMAGED)
    return [int(word) for word in words]


def numbers(name: str, key: str, value: str, count: int) -> tuple[float, ...]:
    """Read the numbers of a field; ``count`` finite ones.

    Raises:
        InputError: Another count, or not finite numbers.
    """
    words = value.split()
    try:
        found = tuple(float(word) for word in words) if len(words) == count else ()
    except ValueError:
        found = ()
    if len(found) != count or not all(math.isfinite(number) for number in found):
        raise InputError(
            f"{name} has the {key} {value[:80]!r}; {count} numbers were expected.", hint=DAMAGED
        )
    return found
