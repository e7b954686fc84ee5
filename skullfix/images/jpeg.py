"""What a JPEG or JPEG-LS stream promises, looked at before a decoder believes it.

Markers and fields: ITU-T T.81, annex B; ITU-T T.87, annex C.
"""

from __future__ import annotations

import struct

_START = b"\xff\xd8"
_FRAMES = {*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7}
_SCAN, _FILL = 0xDA, 0xFF


def check_jpeg(data: bytes, rows: int, columns: int) -> None:
    """Refuse a stream that is not one grey image of the size wanted.

    Args:
        data: Bytes that hold the stream, and perhaps others before and after it.
        rows: Height of the image.
        columns: Width of the image.

    Raises:
        ValueError: No stream, or another size.
        struct.error: It ends within its header.
    """
    place = data.find(_START) + 2
    if place < 2:
        raise ValueError("there is no JPEG stream")
    while True:
        prefix, marker = struct.unpack_from(">2B", data, place)
        if prefix != 0xFF:
            raise ValueError(f"the JPEG stream has {prefix:#04x} where a marker was expected")
        if marker == _FILL:
            place += 1
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        if marker in _FRAMES:
            high, wide, components = struct.unpack_from(">2HB", data, place + 5)
            if (high, wide, components) != (rows, columns, 1):
                raise ValueError(
                    f"the JPEG stream holds {wide} x {high} pixels in {components} components"
                )
            return
        if marker == _SCAN or length < 2:
            raise ValueError("the JPEG stream does not say how large its image is")
        place += 2 + length
