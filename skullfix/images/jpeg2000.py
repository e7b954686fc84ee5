"""What a JPEG 2000 codestream promises, looked at before a decoder believes it.

A decoder allocates and loops as the headers say; one damaged byte in them can cost half a minute.
So the size must be the slice's own, and every packet that the headers announce (one for each
layer, resolution and precinct of each tile) must have at least its one byte in the stream.
Markers and fields: ISO/IEC 15444-1, annex A.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_START = b"\xff\x4f\xff\x51"  # SOC, and SIZ that must follow
_SIZ, _COD, _COC, _SOT, _SOD = 0xFF51, 0xFF52, 0xFF53, 0xFF90, 0xFF93
_MAX_LEVELS = 32


@dataclass(frozen=True)
class _Size:
    """Image and tiles, pixels."""

    columns: int
    rows: int
    tile_columns: int
    tile_rows: int
    components: int

    @property
    def tiles(self) -> int:
        """How many tiles cover the image, at least."""
        return -(-self.columns // self.tile_columns) * -(-self.rows // self.tile_rows)


def check_codestream(data: bytes, rows: int, columns: int) -> None:
    """Refuse a codestream that is not one grey image of the size wanted.

    Args:
        data: Bytes that hold the codestream, and perhaps others before and after it.
        rows: Height of the image.
        columns: Width of the image.

    Raises:
        ValueError: No codestream, another size, or headers that promise more than there is.
        struct.error: It ends within a header.
    """
    start = data.find(_START)
    if start < 0:
        raise ValueError("there is no JPEG 2000 codestream")
    data = data[start:]
    size, layers = None, 1
    for marker, segment in _segments(data):
        if marker == _SIZ:
            size = _read_size(segment)
            if (size.rows, size.columns, size.components) != (rows, columns, 1):
                raise ValueError(
                    f"the codestream holds {size.columns} x {size.rows} pixels in "
                    f"{size.components} components"
                )
        elif size is None:
            raise ValueError("the codestream does not begin with its size")
        elif marker in (_COD, _COC):
            if marker == _COD:
                layers = struct.unpack_from(">H", segment, 2)[0]
            style = segment[5:] if marker == _COD else segment[2:]
            given = bool(segment[0 if marker == _COD else 1] & 1)
            packets = size.tiles * layers * _precincts(size, given, style)
            if packets > len(data):
                raise ValueError(
                    f"the codestream promises {packets:,} packets in {len(data):,} bytes"
                )


def _read_size(segment: bytes) -> _Size:
    """Read the fields of SIZ."""
    x1, y1, x0, y0, width, height, tx, ty, components = struct.unpack_from(">8IH", segment, 2)
    if not (x0 < x1 and y0 < y1 and tx <= x0 < tx + width and ty <= y0 < ty + height):
        raise ValueError("the size in the codestream is impossible")
    return _Size(x1 - x0, y1 - y0, width, height, components)


def _precincts(size: _Size, given: bool, style: bytes) -> int:
    """Precincts of all resolutions of a tile, at least.

    Args:
        size: Of the image.
        given: Whether the sizes of precincts are given; they are 32,768 pixels otherwise.
        style: The fields from the number of levels on.
    """
    levels = style[0]
    if levels > _MAX_LEVELS:
        raise ValueError(f"the codestream has {levels} levels")
    total = 0
    for number in range(levels + 1):
        exponents = style[5 + number] if given else 0xFF
        shift = levels - number
        across = -(-min(size.tile_columns, size.columns) >> shift + (exponents & 15))
        down = -(-min(size.tile_rows, size.rows) >> shift + (exponents >> 4))
        total += across * down
    return total


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker segments of the main header and of all tile-parts: (marker, its content)."""
    place, part = 2, 0  # part: where the tile-part began
    while True:
        (marker,) = struct.unpack_from(">H", data, place)
        if marker == _SOD:
            (length,) = struct.unpack_from(">I", data, part + 6)
            if length == 0:
                return  # it goes to the end
            if part == 0 or not place < part + length <= len(data):
                raise ValueError("a tile of the codestream has an impossible length")
            place = part + length
            if data[place : place + 2] != _SOT.to_bytes(2):
                return
            continue
        if marker == _SOT:
            part = place
        elif marker < 0xFF40:
            raise ValueError(f"the codestream has {marker:#06x} where a marker was expected")
        (length,) = struct.unpack_from(">H", data, place + 2)
        if length < 2:
            raise ValueError("a segment of the codestream has an impossible length")
        yield marker, data[place + 4 : place + 2 + length]
        place += 2 + length
