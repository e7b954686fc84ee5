"""JPEG streams of another size than their slice are refused before they are decoded."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from mutants import seed_jpeg

from skullfix.images.dicom_pixels import _stream, read_pixels
from skullfix.images.dicom_slice import read_slice
from skullfix.images.jpeg import check_jpeg


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    item = read_slice(seed_jpeg(tmp_path_factory.mktemp("jpeg"), "JPEG"))
    assert item is not None
    assert np.ptp(read_pixels(item)) > 0
    return _stream(item)[1]


def test_a_sound_stream_passes(stream: bytes) -> None:
    check_jpeg(stream, 20, 24)
    start = stream.index(b"\xff\xd8") + 2
    check_jpeg(stream[:start] + b"\xff" + stream[start:], 20, 24)  # a fill byte


def test_another_size_is_refused(stream: bytes) -> None:
    frame = min(place for place in (stream.find(bytes([0xFF, c])) for c in (0xC0, 0xC1, 0xC3))
                if place > 0)  # fmt: skip
    for offset, value in ((5, 65535), (7, 65535), (5, 0)):
        held = bytearray(stream)
        struct.pack_into(">H", held, frame + offset, value)
        with pytest.raises(ValueError, match="pixels"):
            check_jpeg(bytes(held), 20, 24)


@pytest.mark.parametrize("data", [b"", b"abc", b"\xff\xd8ab12", b"\xff\xd8\xff\xda\0\4ab"])
def test_no_stream(data: bytes) -> None:
    with pytest.raises(ValueError, match="JPEG stream"):
        check_jpeg(data, 20, 24)


def test_a_torn_stream(stream: bytes) -> None:
    with pytest.raises(struct.error):
        check_jpeg(stream[:6], 20, 24)
