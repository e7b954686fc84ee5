"""A file appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skullfix.errors import OutputError
from skullfix.files.whole import whole_file


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with whole_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail() -> None:
        with whole_file(path, overwrite=True) as file:
            file.write(b"new")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_kept_without_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write() -> None:
        with whole_file(path) as file:
            file.write(b"new")

    with pytest.raises(OutputError, match="exists already"):
        write()
    assert path.read_bytes() == b"old"


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    def write() -> None:
        with whole_file(tmp_path / "none" / "a.bin") as file:
            file.write(b"x")

    with pytest.raises(OutputError, match="cannot be written"):
        write()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("overwrite", [False, True])
def test_devices_and_pipes_are_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with (
        pytest.raises(OutputError, match="no ordinary file"),
        whole_file(pipe, overwrite=overwrite),
    ):
        pass
    assert pipe.is_fifo()
