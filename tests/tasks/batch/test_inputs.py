from __future__ import annotations

import os
from pathlib import Path

import pytest
from batch_toy import write_cases

from skullfix.errors import InputError
from skullfix.tasks.batch.inputs import input_sha256
from skullfix.weights.digest import sha256_of


def test_a_file_counts_by_its_bytes(tmp_path: Path) -> None:
    write_cases(tmp_path, ["a.nrrd"])
    assert input_sha256(tmp_path / "a.nrrd") == sha256_of(tmp_path / "a.nrrd")


@pytest.mark.parametrize("name", ["a.nhdr", "a.mhd"])
def test_a_header_counts_with_its_voxels(name: str, tmp_path: Path) -> None:
    headers = {
        "a.nhdr": "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n"
        "space: left-posterior-superior\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
        "space origin: (0,0,0)\ndata file: a.raw\n",
        "a.mhd": "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\n"
        "ElementSpacing = 1 1 1\nElementDataFile = a.raw\n",
    }
    (tmp_path / name).write_text(headers[name])
    (tmp_path / "a.raw").write_bytes(bytes(8))
    first = input_sha256(tmp_path / name)
    (tmp_path / "a.raw").write_bytes(bytes(7) + b"\1")
    assert input_sha256(tmp_path / name) != first


def test_a_folder_counts_by_names_and_bytes_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "s" / "t").mkdir(parents=True)
    (tmp_path / "s" / "1.dcm").write_bytes(b"a")
    (tmp_path / "s" / "t" / "2.dcm").write_bytes(b"b")
    first = input_sha256(tmp_path / "s")
    assert input_sha256(tmp_path / "s") == first
    (tmp_path / "s" / "t" / "2.dcm").write_bytes(b"c")
    second = input_sha256(tmp_path / "s")
    (tmp_path / "s" / "t" / "2.dcm").rename(tmp_path / "s" / "t" / "3.dcm")
    assert len({first, second, input_sha256(tmp_path / "s")}) == 3


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.nrrd").symlink_to("loop.nrrd")
    for name in ("loop.nrrd", "none.nrrd"):
        with pytest.raises(InputError):
            input_sha256(tmp_path / name)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.nrrd")
        with pytest.raises(InputError, match="no plain file"):
            input_sha256(tmp_path / "pipe.nrrd")
