"""The MetaImage header, as far as needed to know where the voxels are and how many."""

from __future__ import annotations

import math
import re
from pathlib import Path

from skullfix.errors import InputError
from skullfix.images.header_text import check_size, neighbour, read_start
from skullfix.images.payload import DAMAGED, Payload

_TYPE_BYTES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}
_LAST = re.compile(rb"^ElementDataFile[ \t]*=[ \t]*([^\r\n]*)\r?(\n|\Z)", re.MULTILINE)
_LINE = re.compile(r"([A-Za-z]+)[ \t]*=[ \t]*(.*)")


def meta_payload(path: Path) -> Payload:
    """Read a MetaImage header and say where its voxels are.

    Args:
        path: A .mha or .mhd file.

    Raises:
        InputError: Not a MetaImage header, an unsupported field, or a grid beyond the limits.
    """
    start = read_start(path)
    last = _LAST.search(start)
    if not last:
        raise InputError(
            f"{path.name} is not a MetaImage file: it has no line 'ElementDataFile = …'.",
            hint="Check that the file is what its name says.",
        )
    name = path.name
    fields: dict[str, str] = {}
    for line in start[: last.start()].decode("latin-1").splitlines():
        found = _LINE.fullmatch(line.strip())
        if not found:
            raise InputError(f"{name} has the header line {line[:60]!r}.", hint=DAMAGED)
        if found[1] in fields:
            raise InputError(f"{name} gives {found[1]!r} twice in its header.", hint=DAMAGED)
        fields[found[1]] = found[2].strip()
    if fields.get("ObjectType", "Image") != "Image":
        raise InputError(
            f"{name} holds a {fields['ObjectType'][:40]!r}, not an image.",
            hint="Give the image itself.",
        )
    kind = fields.get("ElementType", "")
    if kind not in _TYPE_BYTES:
        raise InputError(
            f"{name} holds voxels of the type {kind[:40]!r}, which is not supported.",
            hint="Save it with whole or floating-point numbers.",
        )
    dimensions = _integers(name, fields, "NDims")
    size = _integers(name, fields, "DimSize")
    channels = _integers(name, fields, "ElementNumberOfChannels", "1")
    if dimensions != [len(size)] or len(channels) != 1:
        raise InputError(f"{name} contradicts itself on its dimension.", hint=DAMAGED)
    for key, count in (
        ("ElementSpacing", len(size)),
        ("ElementSize", len(size)),
        ("Offset", len(size)),
        ("Position", len(size)),
        ("Origin", len(size)),
        ("TransformMatrix", len(size) ** 2),
        ("Orientation", len(size) ** 2),
        ("Rotation", len(size) ** 2),
    ):
        if key in fields:
            _numbers(name, fields[key], key, count)
    check_size(name, [*size, *channels])
    target = last[1].decode("latin-1").strip()
    if target.upper() == "LOCAL":
        file, offset = path, last.end()
    else:
        file, offset = neighbour(path, target), 0
    size_bytes = math.prod([*size, *channels]) * _TYPE_BYTES[kind]
    if fields.get("CompressedData", "False").lower() in ("true", "1"):
        return Payload(file, offset, "deflate", size_bytes)
    skip = fields.get("HeaderSize", "0")
    if skip == "-1":
        return Payload(file, max(offset, file.stat().st_size - size_bytes), "raw", size_bytes)
    if not re.fullmatch(r"\d{1,12}", skip):
        raise InputError(f"{name} has the HeaderSize {skip[:40]!r}.", hint=DAMAGED)
    if fields.get("BinaryData", "True").lower() not in ("true", "1"):
        return Payload(file, offset, "text", size_bytes)
    return Payload(file, offset + int(skip), "raw", size_bytes)


def _integers(name: str, fields: dict[str, str], key: str, default: str = "") -> list[int]:
    """Whole numbers of a field."""
    words = fields.get(key, default).split()
    if not words or len(words) > 10 or not all(re.fullmatch(r"\d{1,18}", word) for word in words):
        raise InputError(
            f"{name} has no usable field {key!r}: {fields.get(key, '')[:80]!r}.", hint=DAMAGED
        )
    return [int(word) for word in words]


def _numbers(name: str, value: str, key: str, count: int) -> None:
    """Refuse a field that is not ``count`` finite numbers."""
    try:
        numbers = [float(word) for word in value.split()]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise InputError(
            f"{name} has the {key} {value[:80]!r}; {count} numbers were expected.", hint=DAMAGED
        )
