"""The MetaImage header, with the voxels behind it or in a second file.

ITK's own reader is not used: voxels that do not inflate it returns as they happen to be in memory.
Source: https://docs.itk.org/en/latest/learn/metaio.html
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

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
from skullfix.images.payload import DAMAGED, Payload

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LAST = re.compile(rb"^ElementDataFile[ \t]*=[ \t]*([^\r\n]*)\r?(\n|\Z)", re.MULTILINE)
_KEY = re.compile(r"[^\x00-\x1f\x7f]+")
_SYNONYMS = {
    "Orientation": "TransformMatrix",
    "Rotation": "TransformMatrix",
    "Position": "Offset",
    "Origin": "Offset",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}
_KNOWN = {
    *("ObjectType", "NDims", "DimSize", "ElementType", "ElementNumberOfChannels"),
    *("ElementSpacing", "ElementSize", "Offset", "TransformMatrix", "HeaderSize"),
    *("BinaryData", "BinaryDataByteOrderMSB", "CompressedData", "CompressedDataSize"),
    *("ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset"),
}


def read_meta_header(path: Path) -> FileHeader:
    """Read a MetaImage header.

    Args:
        path: A .mha or .mhd file.

    Raises:
        InputError: Not a MetaImage header, an unsupported field, or a grid beyond the limits.
    """
    name, start = path.name, read_start(path)
    last = _LAST.search(start)
    check_end(name, start, found=last is not None)
    if not last:
        raise InputError(
            f"{name} is not a MetaImage file: it has no line 'ElementDataFile = …'.",
            hint="Check that the file is what its name says.",
        )
    fields = _fields(name, start[: last.start()])
    if fields.get("ObjectType", "Image") != "Image":
        raise InputError(
            f"{name} holds a {fields['ObjectType'][:40]!r}, not an image.",
            hint="Give the image itself.",
        )
    kind = fields.get("ElementType", "")
    if kind not in _TYPES:
        raise InputError(
            f"{name} holds voxels of the type {kind[:40]!r}, which is not supported.",
            hint="Save it with one whole or floating-point number in each voxel.",
        )
    size = integers(name, fields, "DimSize")
    if [len(size)] != integers(name, fields, "NDims"):
        raise InputError(f"{name} contradicts itself on its dimension.", hint=DAMAGED)
    check_size(name, size)
    if fields.get("ElementNumberOfChannels", "1") != "1":
        raise InputError(
            f"{name} has {fields['ElementNumberOfChannels'][:20]} numbers in each voxel (colour "
            "or vectors); one was expected.",
            hint="Give a greyscale scan or a mask.",
        )
    dtype = np.dtype(_TYPES[kind]).newbyteorder(
        ">" if _flag(name, fields, "BinaryDataByteOrderMSB", False) else "<"
    )
    axes = len(size)
    ones, eye = " ".join(["1"] * axes), " ".join(str(v) for v in np.eye(axes).ravel())
    spacing = numbers(
        name, "spacing", fields.get("ElementSpacing", fields.get("ElementSize", ones)), axes
    )
    origin = numbers(name, "Offset", fields.get("Offset", " ".join(["0"] * axes)), axes)
    rows = numbers(name, "TransformMatrix", fields.get("TransformMatrix", eye), axes**2)
    matrix = np.array(rows).reshape(axes, axes)[:3, :3].T  # columns are the axes
    warnings = () if "TransformMatrix" in fields else (unoriented(name),)
    payload = _payload(path, fields, last, math.prod(size) * dtype.itemsize)
    return FileHeader(payload, dtype, tuple(size), spacing[:3], origin[:3], matrix, warnings)


def _fields(name: str, header: bytes) -> dict[str, str]:
    """Fields ("Name = value") that are known; other programs add their own ("dim[0] = 3")."""
    fields: dict[str, str] = {}
    for line in header.decode("latin-1").split("\n"):
        if not line.strip():
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not _KEY.fullmatch(key):
            raise InputError(f"{name} has the header line {line[:60]!r}.", hint=DAMAGED)
        key = _SYNONYMS.get(key, key)
        if key in _KNOWN and fields.setdefault(key, value) != value:
            raise InputError(f"{name} gives {key[:40]!r} twice in its header.", hint=DAMAGED)
    return fields


def _payload(path: Path, fields: dict[str, str], last: re.Match[bytes], size: int) -> Payload:
    """Find the voxels by the fields; ``last`` is the last line of the header."""
    name = path.name
    if not _flag(name, fields, "BinaryData", True):
        raise InputError(
            f"{name} holds its voxels as text, which is not supported.",
            hint="Save it again in binary form.",
        )
    slope = _number(name, fields, "ElementToIntensityFunctionSlope", "1")
    intercept = _number(name, fields, "ElementToIntensityFunctionOffset", "0")
    if slope != 1.0 or intercept != 0.0:
        raise InputError(
            f"{name} scales its voxels by {slope:g} and {intercept:g}, which is not supported.",
            hint="Save it again with plain values.",
        )
    target = last[1].decode("latin-1").strip()
    local = target.upper() == "LOCAL"
    file, offset = (path, last.end()) if local else (neighbour(path, target), 0)
    skip = fields.get("HeaderSize", "0")
    if _flag(name, fields, "CompressedData", False):
        stored = integers(name, fields, "CompressedDataSize", str(2**50))
        if skip != "0" or len(stored) != 1:
            raise InputError(f"{name} contradicts itself on its compression.", hint=DAMAGED)
        return Payload(file, offset, True, size, stored=stored[0])
    if skip == "-1":
        return Payload(file, max(offset, file.stat().st_size - size), False, size)
    if not re.fullmatch(r"\d{1,12}", skip) or (local and skip != "0"):
        raise InputError(f"{name} has the HeaderSize {skip[:40]!r}.", hint=DAMAGED)
    return Payload(file, offset + int(skip), False, size)


def _number(name: str, fields: dict[str, str], key: str, default: str) -> float:
    """Read the one number of a field."""
    return numbers(name, key, fields.get(key, default), 1)[0]


def _flag(name: str, fields: dict[str, str], key: str, default: bool) -> bool:
    """Truth of a field."""
    value = fields.get(key, str(default)).lower()
    if value not in ("true", "false", "1", "0", "t", "f"):
        raise InputError(f"{name} has the {key} {value[:40]!r}.", hint=DAMAGED)
    return value in ("true", "1", "t")
