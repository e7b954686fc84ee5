"""The NRRD header, attached or detached.

ITK's own parser is not used: a long word in ``space directions`` makes it write past a buffer.
Source: http://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
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
    unoriented,
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
_WAYS = (
    (("left", 1), ("right", -1)),
    (("posterior", 1), ("anterior", -1)),
    (("superior", 1), ("inferior", -1)),
)
_LPS_SIGNS = {  # "right-anterior-superior" and "ras" -> (-1, -1, 1), and so on
    name: tuple(sign for _, sign in ways)
    for ways in itertools.product(*_WAYS)
    for name in ("-".join(word for word, _ in ways), "".join(word[0] for word, _ in ways))
}
_TIMED = re.compile(r"(.*)-time|([lr][ap][si])t")
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
    spacing, axes, origin, warnings = _place(name, fields, size)
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
    name: str, fields: dict[str, str], size: Sequence[int]
) -> tuple[tuple[float, ...], NDArray[np.float64], tuple[float, ...], tuple[str, ...]]:
    """Spacing, axes, origin (LPS mm) and warnings; later axes of one voxel have no part in them."""
    dimension = len(size)
    volume = dimension >= 3 and all(side == 1 for side in size[3:])
    if not volume or "space directions" not in fields:
        return _spacings(name, fields, dimension), np.eye(3), (0.0, 0.0, 0.0), (unoriented(name),)
    found = _signs(fields.get("space", "").lower(), dimension)
    signs = np.array(found or (1, 1, 1))
    warnings = [] if found else [unoriented(name)]
    units = re.findall(r'"([^"]*)"', fields.get("space units", ""))[:3] or ["mm"]
    if len(set(units)) > 1 or units[0].lower() not in _UNITS_MM:
        raise InputError(
            f"{name} is measured in {fields['space units'][:60]}, which is not supported.",
            hint="Save it in millimetres.",
        )
    scale = _UNITS_MM[units[0].lower()]
    vectors = _directions(name, fields["space directions"], dimension)
    origin = _vectors(name, "space origin", fields.get("space origin", "(0,0,0)"), 1, dimension)[0]
    with np.errstate(all="ignore"):
        spacing_mm, axes = read_vectors(vectors * scale if scale != 1.0 else vectors)
        place = np.array(origin[:3]) * signs * scale
    if scale != 1.0:
        warnings.append(f"{name} is measured in {units[0]}.")
    return tuple(spacing_mm.tolist()), (axes * signs).T, tuple(place.tolist()), tuple(warnings)


def _spacings(name: str, fields: dict[str, str], dimension: int) -> tuple[float, ...]:
    """Spacings of the first three axes; those of more axes may be nan, as NRRD has it."""
    words = fields.get("spacings", " ".join(["1"] * dimension)).split()
    words[3:] = ["1"] * len(words[3:])
    return numbers(name, "spacings", " ".join(words), dimension)[:3]


def _signs(space: str, dimension: int) -> tuple[int, ...] | None:
    """Signs that turn the axes of a space into LPS; None where the space is not anatomical.

    Time goes where the fourth axis goes; a space with time but three axes is taken for LPS.
    """
    timed = _TIMED.fullmatch(space)
    if timed and dimension == 3:
        return (1, 1, 1)
    return _LPS_SIGNS.get((timed[1] or timed[2]) if timed else space)


def _directions(name: str, value: str, dimension: int) -> NDArray[np.float64]:
    """(3, 3) float64, row i is the step along axis i in the file's own space."""
    vectors = _vectors(name, "space directions", value, dimension, dimension)
    if any(any(vector[3:]) for vector in vectors):
        raise InputError(
            f"{name} has the space directions {value[:80]!r}; three axes within three dimensions "
            "were expected.",
            hint="Save it as one 3-D volume.",
        )
    return np.array([vector[:3] for vector in vectors])


def _vectors(
    name: str, key: str, value: str, count: int, dimension: int
) -> list[tuple[float, ...]]:
    """Vectors "(a,b,c) (d,e,f) …" of a field with ``count`` of them, the first three.

    Later ones may be "none". A vector has three numbers, or more where the file has more axes.
    """
    found = re.findall(r"\([^()]*\)|none", value)
    rest = re.sub(r"\([^()]*\)|none|\s", "", value)
    if len(found) != count or rest or "none" in found[:3]:
        raise InputError(
            f"{name} has the {key} {value[:80]!r}; {count} vectors were expected.", hint=DAMAGED
        )
    texts = [vector[1:-1].replace(",", " ") for vector in found[:3]]
    return [numbers(name, key, text, min(max(len(text.split()), 3), dimension)) for text in texts]
