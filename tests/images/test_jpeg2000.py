"""Codestreams that promise more than they hold are refused before they are decoded."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from mutants import seed_jpeg

from skullfix.images.dicom_pixels import _stream, read_pixels
from skullfix.images.dicom_slice import read_slice
from skullfix.images.jpeg2000 import check_codestream

SIZ_COLUMNS, SIZ_TILE_COLUMNS, SIZ_COMPONENTS = 8, 24, 40  # bytes from the start


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    item = read_slice(seed_jpeg(tmp_path_factory.mktemp("jpeg"), "JPEG2000"))
    assert item is not None
    assert np.ptp(read_pixels(item)) > 0
    data = _stream(item)[1]
    assert data.startswith(b"\xff\x4f\xff\x51")
    return data


def changed(data: bytes, place: int, form: str, value: int) -> bytes:
    held = bytearray(data)
    struct.pack_into(form, held, place, value)
    return bytes(held)


def test_a_sound_stream_passes(stream: bytes) -> None:
    check_codestream(stream, 20, 24)
    check_codestream(b"\0\0" + stream + b"\0", 20, 24)


@pytest.mark.parametrize(
    ("place", "form", "value", "said"),
    [
        (SIZ_COLUMNS, ">I", 0x00FF0018, "pixels"),
        (SIZ_TILE_COLUMNS, ">Q", 1 << 32 | 1, "packets"),
        (SIZ_TILE_COLUMNS, ">I", 0, "impossible"),
        (SIZ_COMPONENTS, ">H", 257, "components"),
    ],
)
def test_a_damaged_size_is_refused(
    stream: bytes, place: int, form: str, value: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check_codestream(changed(stream, place, form, value), 20, 24)


def test_more_layers_than_bytes_are_refused(stream: bytes) -> None:
    style = stream.index(b"\xff\x52")
    with pytest.raises(ValueError, match="packets"):
        check_codestream(changed(stream, style + 6, ">H", 65535), 20, 24)
    with pytest.raises(ValueError, match="levels"):
        check_codestream(changed(stream, style + 9, ">B", 200), 20, 24)


def test_small_precincts_are_counted(stream: bytes) -> None:
    style = stream.index(b"\xff\x52")
    levels = stream[style + 9]
    length = struct.unpack_from(">H", stream, style + 2)[0]
    own = changed(changed(stream, style + 4, ">B", 1), style + 2, ">H", length + levels + 1)
    end = style + 2 + length
    own = own[:end] + bytes(levels + 1) + own[end:]  # of 1 x 1 pixels
    with pytest.raises(ValueError, match="packets"):
        check_codestream(own, 20, 24)


def test_no_stream_and_a_torn_one(stream: bytes) -> None:
    with pytest.raises(ValueError, match="no JPEG 2000"):
        check_codestream(b"\xff\xd8\xff", 20, 24)
    for end in (3, 10, 60, len(stream) // 2):
        with pytest.raises((ValueError, struct.error, IndexError)):
            check_codestream(stream[:end], 20, 24)


def test_a_slice_with_a_damaged_stream_is_refused_in_words(tmp_path: Path) -> None:
    from skullfix.errors import InputError

    path = seed_jpeg(tmp_path, "JPEG2000")
    raw = path.read_bytes()
    start = raw.index(b"\xff\x4f\xff\x51")
    path.write_bytes(changed(raw, start + SIZ_COLUMNS, ">I", 2**31 - 1))
    item = read_slice(path)
    assert item is not None
    with pytest.raises(InputError, match="pixels") as caught:
        read_pixels(item)
    assert caught.value.hint
