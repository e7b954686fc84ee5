"""The NRRD header, attached or detached.

ITK's own parser is not used: a long word in ``space directions`` makes it write past a buffer.
Source: http://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.file_header import FileHeader
from skullfix.images.header_text import (
    check_end,
    check_size,
    integers,
    neighbour,
    numbers,
    read_start,
)
from skullfix.images.nrrd_vectors import read_vectors
from skullfix.images.payload import DAMAGED, Payload

_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int"), "i2"),
    **dict.fromkeys(("int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int"), "u2"),
    **dict.fromkeys(("uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long"), "i8"),
    **dict.fromkeys(("signed long long int", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int"), "u8"),
    **dict.fromkeys(("uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_LPS_SIGNS = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
_UNITS_MM = {"mm": 1.0, "millimeter": 1.0, "": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001}
_BLANK = re.compile(rb"\r?\n\r?\n")
_SYNONYMS = {"datafile": "data file", "byteskip": "byte skip", "lineskip": "line skip"}


def read_nrrd_header(path: Path) -> FileHeader:
    """Read a NRRD header.

    Args:
        path: A .nrrd or .nhdr file.

    Raises:
        InputError: Not a NRRD header, an unsupported field, or a grid beyond the limits.
    """
    name, start = path.name, read_start(path)
    if not re.match(rb"NRRD000\d\r?\n", start):
        raise InputError(
            f"{name} is not a NRRD file: it does not begin with 'NRRD000'.",
            hint="Check that the file is what its name says.",
        )
    blank = _BLANK.search(start)
    check_end(name, start, found=blank is not None)
    fields = _fields(name, start[: blank.start()] if blank else start)
    kind = fields.get("type", "").lower()
    if kind not in _TYPES:
        raise InputError(
            f"{name} holds voxels of the type {kind[:40]!r}, which is not supported.",
            hint="Save it with whole or floating-point numbers.",
        )
    size = integers(name, fields, "sizes")
    if [len(size)] != integers(name, fields, "dimension"):
        raise InputError(f"{name} contradicts itself on its dimension.", hint=DAMAGED)
    check_size(name, size)
    endian = fields.get("endian", "").lower()
    dtype: np.dtype[Any] = np.dtype(_TYPES[kind])
    if endian not in ("little", "big") and (endian or dtype.itemsize > 1):
        raise InputError(f"{name} has the byte order {endian[:40]!r}.", hint=DAMAGED)
    dtype = dtype.newbyteorder(">" if endian == "big" else "<")
    payload = _payload(path, fields, blank.end() if blank else None, math.prod(size), dtype)
    spacing, axes, origin, warnings = _place(name, fields, len(size))
    return FileHeader(payload, dtype, tuple(size), spacing, origin, axes, warnings)


def _fields(name: str, header: bytes) -> dict[str, str]:
    """Fields ("name: value") of a header; comments and key/value pairs (":=") are left out."""
    fields: dict[str, str] = {}
    for line in header.decode("latin-1").split("\n")[1:]:
        key, colon, value = line.rstrip("\r").partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            key = _SYNONYMS.get(key.lower(), key.lower())
            if key in fields:
                raise InputError(f"{name} gives {key[:40]!r} twice in its header.", hint=DAMAGED)
            fields[key] = value.strip()
    return fields


def _payload(
    path: Path, fields: dict[str, str], end: int | None, count: int, dtype: np.dtype[Any]
) -> Payload:
    """Find the voxels by the fields; ``end`` is the first byte after the header, if it ends."""
    name = path.name
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gz", "gzip"):
        raise InputError(
            f"{name} is encoded as {encoding[:40]!r}; raw and gzip are read.",
            hint="Save it again with gzip compression.",
        )
    skip = fields.get("byte skip", "0")
    if fields.get("line skip", "0") != "0" or not re.fullmatch(r"-1|\d{1,12}", skip):
        raise InputError(
            f"{name} skips lines or {skip[:40]!r} bytes before its voxels, which is not supported.",
            hint="Save it again, for example in 3D Slicer.",
        )
    detached = fields.get("data file", "")
    if not detached and end is None:
        raise InputError(f"{name} ends within its header.", hint=DAMAGED)
    file = neighbour(path, detached) if detached else path
    offset = 0 if detached else int(end or 0)
    size = count * dtype.itemsize
    if encoding != "raw":
        if skip == "-1":
            raise InputError(f"{name} skips -1 bytes of a compressed stream.", hint=DAMAGED)
        return Payload(file, offset, True, size, skip=int(skip))
    if skip == "-1":
        return Payload(file, max(offset, file.stat().st_size - size), False, size)
    return Payload(file, offset + int(skip), False, size)


def _place(
    name: str, fields: dict[str, str], dimension: int
) -> tuple[tuple[float, ...], NDArray[np.float64], tuple[float, ...], tuple[str, ...]]:
    """Spacing, axes, origin (LPS mm) and warnings."""
    if dimension != 3 or "space directions" not in fields:
        spacing = (1.0,) * dimension
        if "spacings" in fields:
            spacing = numbers(name, "spacings", fields["spacings"], dimension)
        return (
            spacing,
            np.eye(3),
            (0.0, 0.0, 0.0),
            (
                f"{name} does not say how it is oriented; its axes are taken for left, posterior "
                "and superior. Left and right may be mirrored.",
            ),
        )
    signs = np.array(_LPS_SIGNS.get(fields.get("space", "").lower(), (1, 1, 1)))
    units = re.findall(r'"([^"]*)"', fields.get("space units", "")) or ["mm"]
    if len(set(units)) > 1 or units[0].lower() not in _UNITS_MM:
        raise InputError(
            f"{name} is measured in {fields['space units'][:60]}, which is not supported.",
            hint="Save it in millimetres.",
        )
    scale = _UNITS_MM[units[0].lower()]
    vectors = np.array(_vectors(name, "space directions", fields["space directions"], 3))
    origin = _vectors(name, "space origin", fields.get("space origin", "(0,0,0)"), 1)[0]
    with np.errstate(all="ignore"):
        spacing_mm, axes = read_vectors(vectors * scale if scale != 1.0 else vectors)
        place = np.array(origin) * signs * scale
    warnings = (f"{name} is measured in {units[0]}.",) if scale != 1.0 else ()
    return tuple(spacing_mm.tolist()), (axes * signs).T, tuple(place.tolist()), warnings


def _vectors(name: str, key: str, value: str, count: int) -> list[tuple[float, ...]]:
    """Vectors "(a,b,c) (d,e,f) …" of a field."""
    found = re.findall(r"\(([^()]*)\)", value)
    if len(found) != count or re.sub(r"\([^()]*\)|\s", "", value):
        raise InputError(
            f"{name} has the {key} {value[:80]!r}; {count} vectors were expected.", hint=DAMAGED
        )
    return [numbers(name, key, vector.replace(",", " "), 3) for vector in found]
