"""Folders of skulls: the split and the files it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from skullfix.cases.folder import case_files, read_split
from skullfix.errors import InputError


def test_the_parts_of_a_split(tmp_path: Path) -> None:
    (tmp_path / "split.txt").write_text("b train\n\na train\nc validation\n")
    assert read_split(tmp_path, "train") == ["a", "b"]
    assert read_split(tmp_path, "validation") == ["c"]


@pytest.mark.parametrize("text", [None, "", "a train\n", "a b c\n", "a elsewhere\n"])
def test_a_split_that_does_not_tell_is_refused(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "split.txt").write_text(text)
    with pytest.raises(InputError) as caught:
        read_split(tmp_path, "validation")
    assert "split.txt" in caught.value.message
    assert caught.value.hint


def test_files_of_a_case_with_and_without_implants(tmp_path: Path) -> None:
    (tmp_path / "complete_skull").mkdir()
    (tmp_path / "complete_skull" / "a.nii.gz").write_bytes(b"")
    assert case_files(tmp_path, "a") == (tmp_path / "complete_skull" / "a.nii.gz", None)
    (tmp_path / "implant").mkdir()
    with pytest.raises(InputError, match="implant"):
        case_files(tmp_path, "a")
    (tmp_path / "implant" / "a.nrrd").write_bytes(b"")
    assert case_files(tmp_path, "a")[1] == tmp_path / "implant" / "a.nrrd"
    with pytest.raises(InputError, match="there is no"):
        case_files(tmp_path, "b")
