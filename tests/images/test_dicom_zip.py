"""DICOM series in zip archives, harmless and hostile."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_helpers import EVEN, Writer, refused

from skullfix.images.read import Scan, read_scan


def make_zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in sorted(folder.iterdir()):
            archive.write(item, f"study/series/{item.name}")
    return path


def test_a_zip_of_a_series(tmp_path: Path, write_series: Writer) -> None:
    planes = write_series(tmp_path / "a", EVEN)
    scan: Scan = read_scan(make_zip(tmp_path / "a", tmp_path / "Case.1.ZIP"))
    assert np.array_equal(scan.volume.array, planes)
    assert (scan.format, scan.suffix, scan.stem) == ("dicom", ".nrrd", "Case.1")


@pytest.mark.parametrize("name", ["../evil.dcm", "/abs.dcm", "C:/x.dcm", "a\\..\\..\\b.dcm"])
def test_zip_names_that_leave(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, b"x")
    refused(tmp_path / "a.zip", "leads out of the archive")


def test_zip_bombs(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a", "w") as entry,
    ):
        for _ in range(300):
            entry.write(bytes(2**20))
    refused(tmp_path / "a.zip", "times its size")
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    size = (300 * 2**20).to_bytes(4, "little")
    for place in (raw.find(size), raw.rfind(size)):  # both tables of contents lie
        raw[place : place + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "b.zip").write_bytes(raw)
    refused(tmp_path / "b.zip", "more than it declares|cannot be unpacked|no DICOM")


def test_damaged_zips(tmp_path: Path, write_series: Writer) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\3\4 nothing")
    refused(tmp_path / "a.zip", "cannot be unpacked")
    (tmp_path / "b.zip").write_bytes(b"")
    refused(tmp_path / "b.zip", "cannot be unpacked")
    write_series(tmp_path / "s", EVEN)
    whole = make_zip(tmp_path / "s", tmp_path / "c.zip").read_bytes()
    (tmp_path / "c.zip").write_bytes(whole[:60] + b"\xff\xff\xff" + whole[63:])
    refused(tmp_path / "c.zip", "cannot be unpacked")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    refused(tmp_path / "d.zip", "d.zip holds no DICOM")
