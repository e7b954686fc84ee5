"""The NRRD header, as far as needed to know where the voxels are and how many."""

from __future__ import annotations

import math
import re
from pathlib import Path

from skullfix.errors import InputError
from skullfix.images.header_text import check_size, neighbour, read_start
from skullfix.images.payload import DAMAGED, Payload

_TYPE_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8"), 1),
    "uint8_t": 1,
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16"), 2),
    **dict.fromkeys(("int16_t", "ushort", "unsigned short", "unsigned short int", "uint16"), 2),
    "uint16_t": 2,
    **dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int"), 4),
    **dict.fromkeys(("uint32", "uint32_t", "float"), 4),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long"), 8),
    **dict.fromkeys(("signed long long int", "int64", "int64_t", "ulonglong"), 8),
    **dict.fromkeys(("unsigned long long", "unsigned long long int", "uint64", "uint64_t"), 8),
    "double": 8,
}
_BLANK = re.compile(rb"\r?\n\r?\n")


def nrrd_payload(path: Path) -> Payload:
    """Read a NRRD header and say where its voxels are.

    Args:
        path: A .nrrd or .nhdr file.

    Raises:
        InputError: Not a NRRD header, an unsupported field, or a grid beyond the limits.
    """
    start = read_start(path)
    if not start.startswith(b"NRRD0"):
        raise InputError(
            f"{path.name} is not a NRRD file: it does not begin with 'NRRD000'.",
            hint="Check that the file is what its name says.",
        )
    blank = _BLANK.search(start)
    fields = _fields(start[: blank.start()] if blank else start)
    name = path.name
    kind = fields.get("type", "").lower()
    if kind not in _TYPE_BYTES:
        raise InputError(
            f"{name} holds voxels of the type {kind[:40]!r}, which is not supported.",
            hint="Save it with whole or floating-point numbers.",
        )
    size = _integers(name, fields, "sizes")
    if [len(size)] != _integers(name, fields, "dimension"):
        raise InputError(f"{name} contradicts itself on its dimension.", hint=DAMAGED)
    check_size(name, size)
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gz", "gzip", "txt", "text", "ascii"):
        raise InputError(
            f"{name} is encoded as {encoding[:40]!r}; raw, gzip and text are read.",
            hint="Save it again with gzip compression.",
        )
    detached = fields.get("data file", fields.get("datafile", ""))
    if detached:
        file, offset = neighbour(path, detached), 0
    elif blank:
        file, offset = path, blank.end()
    else:
        raise InputError(f"{name} ends within its header.", hint=DAMAGED)
    if any(fields.get(key, "0") not in ("0", "") for key in ("line skip", "lineskip")):
        raise InputError(
            f"{name} skips lines before its voxels, which is not supported.",
            hint="Save it again, for example in 3D Slicer.",
        )
    skips = {fields.get(key, "0") for key in ("byte skip", "byteskip")} - {"0"}
    count = math.prod(size) * _TYPE_BYTES[kind]
    if encoding in ("gz", "gzip"):
        if skips:
            raise InputError(
                f"{name} skips bytes inside its compressed voxels, which is not supported.",
                hint="Save it again, for example in 3D Slicer.",
            )
        return Payload(file, offset, "deflate", count)
    if encoding == "raw":
        skip = skips.pop() if skips else "0"
        if skip == "-1":
            return Payload(file, max(offset, file.stat().st_size - count), "raw", count)
        if not skip.isdecimal():
            raise InputError(f"{name} has the byte skip {skip[:40]!r}.", hint=DAMAGED)
        return Payload(file, offset + int(skip), "raw", count)
    return Payload(file, offset, "text", count)


def _fields(header: bytes) -> dict[str, str]:
    """Fields ("name: value") of a header; comments and key/value pairs (":=") are left out."""
    fields: dict[str, str] = {}
    for line in header.decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            fields[name.strip().lower()] = value.strip()
    return fields


def _integers(name: str, fields: dict[str, str], key: str) -> list[int]:
    """Whole numbers of a field."""
    words = fields.get(key, "").split()
    if not words or len(words) > 16 or not all(re.fullmatch(r"\d{1,18}", word) for word in words):
        raise InputError(
            f"{name} has no usable field {key!r}: {fields.get(key, '')[:80]!r}.", hint=DAMAGED
        )
    return [int(word) for word in words]
