"""Does a file hold the voxels that its header promises? Asked before anything is allocated.

ITK reads a NIfTI file that ends early as if the rest were zero, and leaves a MetaImage that does
not inflate unchanged in memory; so each compressed stream is inflated once here, to its end and
with its checksum, at the price of 0.2 s for a mask of 512 x 512 x 350.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skullfix.errors import InputError
from skullfix.images.limits import MAX_DEFLATE_RATIO

_CHUNK = 2**20
DAMAGED = "The file is damaged or was not copied to its end; copy or export it again."


@dataclass(frozen=True)
class Payload:
    """Where the voxels of an image lie, as its header says.

    Attributes:
        file: The file with the voxels (for a detached header another than the header).
        offset: First byte of the voxels, or of the compressed stream.
        encoding: "raw", "deflate" (a zlib or gzip stream), or "text" (numbers in ASCII).
        size: Bytes promised after decoding, counted from ``offset``.
    """

    file: Path
    offset: int
    encoding: Literal["raw", "deflate", "text"]
    size: int


def check_payload(payload: Payload) -> None:
    """Refuse a file that is shorter than its header promises, or whose stream is damaged.

    Raises:
        InputError: Too short, or the compressed stream is broken or fails its checksum.
    """
    name = payload.file.name
    stored = payload.file.stat().st_size - payload.offset
    if payload.encoding == "deflate":
        possible = stored * MAX_DEFLATE_RATIO
    elif payload.encoding == "text":
        possible = stored * 8  # "0 " is the shortest number, and it stands for 8 bytes at most
    else:
        possible = stored
    if stored <= 0 or possible < payload.size:
        raise InputError(
            f"{name} ends too early: its header promises {payload.size:,} bytes of voxels, "
            f"{max(stored, 0):,} bytes are there.",
            hint=DAMAGED,
        )
    if payload.encoding == "deflate":
        found = _inflated_size(payload.file, payload.offset, payload.size)
        if found < payload.size:
            raise InputError(
                f"{name} ends too early: its header promises {payload.size:,} bytes of voxels, "
                f"{found:,} bytes can be decompressed.",
                hint=DAMAGED,
            )


def _inflated_size(path: Path, offset: int, expected: int) -> int:
    """Inflate to nowhere; bytes found (counting stops soon after ``expected``)."""
    found = 0
    with path.open("rb") as file:
        file.seek(offset)
        stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # zlib or gzip, by its first bytes
        data = file.read(_CHUNK)
        try:
            while found <= expected:
                found += len(stream.decompress(data, _CHUNK))
                data = stream.unconsumed_tail
                if stream.eof:
                    rest = stream.unused_data or file.read(_CHUNK)
                    if not rest.startswith(b"\x1f\x8b"):
                        return found  # what follows the last stream is not ours
                    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
                    data = rest
                elif not data:
                    data = file.read(_CHUNK)
                    if not data:
                        raise zlib.error("the stream has no end")
        except zlib.error as error:
            raise InputError(
                f"{path.name} is cut off or damaged: it cannot be decompressed after {found:,} of "
                f"{expected:,} bytes ({error}).",
                hint=DAMAGED,
            ) from error
    return found
