"""The voxels of a file as bytes: all that its header promises, or an error.

Nothing is allocated before the file is known to be able to hold it, and a compressed stream is
read to its end and its checksum.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.limits import MAX_DEFLATE_RATIO, MAX_SURPLUS_BYTES
from skullfix.images.room import require_bytes

_CHUNK = 2**20
DAMAGED = "The file is damaged or was not copied to its end; copy or export it again."


@dataclass(frozen=True)
class Payload:
    """Where the voxels of an image lie, as its header says.

    Attributes:
        file: The file with the voxels (for a detached header another than the header).
        offset: First byte of the voxels, or of the compressed stream.
        deflated: True for a zlib or gzip stream.
        size: Bytes of the voxels.
        skip: Bytes before the voxels inside the compressed stream.
        stored: Bytes of the compressed stream as the header says, or None.
    """

    file: Path
    offset: int
    deflated: bool
    size: int
    skip: int = 0
    stored: int | None = None


def read_payload(payload: Payload) -> NDArray[np.uint8]:
    """Read the bytes of the voxels.

    Args:
        payload: Where they are; ``size`` is within the limits.

    Returns:
        (size,) uint8.

    Raises:
        InputError: Too short, or the compressed stream is broken or fails its checksum.
        MemoryLimitError: They do not fit in memory.
    """
    name, promised = payload.file.name, payload.skip + payload.size
    stored = payload.file.stat().st_size - payload.offset
    if payload.stored is not None:
        stored = min(stored, payload.stored)
    if stored <= 0 or promised > (stored * MAX_DEFLATE_RATIO if payload.deflated else stored):
        raise InputError(
            f"{name} ends too early: its header promises {payload.size:,} bytes of voxels, "
            f"{max(stored, 0):,} bytes are there.",
            hint=DAMAGED,
        )
    require_bytes(promised, f"Reading {name}")
    if payload.deflated:
        return _inflate(payload, stored)[payload.skip :]
    with payload.file.open("rb") as file:
        file.seek(payload.offset)
        found = np.fromfile(file, np.uint8, payload.size)
    if found.size < payload.size:  # it was cut while we looked at it
        raise InputError(f"{name} ends too early.", hint=DAMAGED)
    return found


def _inflate(payload: Payload, stored: int) -> NDArray[np.uint8]:
    """Inflate ``skip + size`` bytes, (n,) uint8; several gzip members are one stream."""
    result = np.empty(payload.skip + payload.size, np.uint8)
    found, left, data = 0, stored, b""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # zlib or gzip, by its first bytes
    with payload.file.open("rb") as file:
        file.seek(payload.offset)
        try:
            while True:
                if not data:
                    data = file.read(min(_CHUNK, left))
                    left -= len(data)
                    if not data:
                        raise zlib.error("the stream has no end")
                piece = stream.decompress(data, 4 * _CHUNK)
                result[found : found + len(piece)] = np.frombuffer(piece, np.uint8)[
                    : max(result.size - found, 0)
                ]
                found += len(piece)
                if found > result.size + MAX_SURPLUS_BYTES:
                    raise zlib.error("there is much more than the header promises")
                data = stream.unconsumed_tail
                if stream.eof:
                    data = stream.unused_data
                    if not data:
                        data = file.read(min(_CHUNK, left))
                        left -= len(data)
                    if not data.startswith(b"\x1f\x8b"):
                        break  # what follows the last stream is not ours
                    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        except zlib.error as error:
            raise InputError(
                f"{payload.file.name} is cut off or damaged: it cannot be decompressed after "
                f"{found:,} of {result.size:,} bytes ({error}).",
                hint=DAMAGED,
            ) from error
    if found < result.size:
        raise InputError(
            f"{payload.file.name} ends too early: its header promises {result.size:,} bytes, "
            f"{found:,} can be decompressed.",
            hint=DAMAGED,
        )
    return result
