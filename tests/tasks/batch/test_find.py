from __future__ import annotations

import os
from pathlib import Path

import pytest
from batch_toy import write_cases

from skullfix.errors import InputError, UsageError
from skullfix.images.read import read_scan
from skullfix.tasks.batch.find import Found, find_cases, output_stem


def names(found: Found) -> list[str]:
    return [case.name for case in found.cases]


def test_files_zips_and_dicom_folders_are_found_and_mirrored(tmp_path: Path) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    write_cases(root, ["b.nrrd", "deep/er/a.nii.gz"])
    (root / "deep" / "c.zip").write_bytes(b"PK")
    (root / "series").mkdir()
    (root / "series" / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    (root / "other").mkdir()
    (root / "other" / "slice.dcm").write_bytes(b"")
    (root / "notes.txt").write_text("")
    (root / ".hidden.nrrd").write_text("")
    (root / "voxels.raw").write_text("")
    found = find_cases(root, out)
    assert names(found) == ["b.nrrd", "deep/c.zip", "deep/er/a.nii.gz", "other", "series"]
    assert found.ignored == ("notes.txt",)
    places = [case.folder.relative_to(out).as_posix() for case in found.cases]
    assert places == [".", "deep", "deep/er", ".", "."]
    assert [case.stem for case in found.cases] == ["b", "c", "a", "other", "series"]
    assert {case.suffix for case in found.cases} == {".nrrd", ".nii.gz"}


@pytest.mark.parametrize("pattern", ["", "."])
def test_a_pattern_that_is_none_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(UsageError, match="--pattern"):
        find_cases(tmp_path, tmp_path / "out", pattern=pattern)


def test_the_names_of_outputs_are_those_that_reading_gives(tmp_path: Path) -> None:
    for name in ("Head.NII.GZ", "head.one.nrrd", "head.mha"):
        write_cases(tmp_path, [name.lower()])
        (tmp_path / name.lower()).rename(tmp_path / name)
        scan = read_scan(tmp_path / name)
        assert output_stem(tmp_path / name, folder=False) == (scan.stem, scan.suffix)


def test_a_pattern_chooses(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", ["a_ct.nrrd", "a_mask.nrrd", "sub/b_ct.nrrd"])
    found = find_cases(tmp_path / "in", tmp_path / "out", pattern="*_ct.nrrd")
    assert names(found) == ["a_ct.nrrd", "sub/b_ct.nrrd"]
    found = find_cases(tmp_path / "in", tmp_path / "out", pattern="sub/*")
    assert names(found) == ["sub/b_ct.nrrd"]
    with pytest.raises(InputError, match="no case"):
        find_cases(tmp_path / "in", tmp_path / "out", pattern="*.mha")


def test_inputs_whose_outputs_would_meet_get_folders_of_their_own(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", ["a.nrrd", "A.nii.gz", "b.nrrd", "sub/a.nrrd"])
    out = tmp_path / "out"
    found = find_cases(tmp_path / "in", out)
    places = {case.name: case.folder.relative_to(out).as_posix() for case in found.cases}
    assert places == {
        "A.nii.gz": "A.nii.gz", "a.nrrd": "a.nrrd", "b.nrrd": ".", "sub/a.nrrd": "sub"
    }  # fmt: skip


@pytest.mark.parametrize("where", [".", "..", "link"])
def test_the_inputs_own_folder_is_no_place_for_outputs(where: str, tmp_path: Path) -> None:
    write_cases(tmp_path / "in", ["a.nrrd"])
    (tmp_path / "link").symlink_to(tmp_path / "in")
    out = tmp_path / "link" if where == "link" else tmp_path / "in" / where
    with pytest.raises(UsageError):
        find_cases(tmp_path / "in", out)


def test_outputs_below_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    write_cases(tmp_path, ["a.nrrd", "results/a_product.nrrd"])
    assert names(find_cases(tmp_path, tmp_path / "results")) == ["a.nrrd"]


def test_links_in_circles_are_cases_with_trouble(tmp_path: Path) -> None:
    root = tmp_path / "in"
    write_cases(root, ["one/a.nrrd", "two/b.nrrd"])
    (root / "one" / "up").symlink_to("..")
    (root / "one" / "x").symlink_to("../two")
    (root / "two" / "y").symlink_to("../one")
    (root / "self.nrrd").symlink_to("self.nrrd")
    (root / "self").symlink_to("self")
    (root / "gone.nrrd").symlink_to("nowhere.nrrd")
    found = find_cases(root, tmp_path / "out")
    troubled = [case.name for case in found.cases if case.trouble]
    assert troubled == ["one/up", "one/x/y", "self", "two/y/up", "two/y/x"]
    assert {"self.nrrd", "gone.nrrd", "one/a.nrrd", "one/x/b.nrrd"} <= set(names(found))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_a_case_with_trouble(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", ["a.nrrd", "shut/b.nrrd"])
    (tmp_path / "in" / "shut").chmod(0)
    try:
        found = find_cases(tmp_path / "in", tmp_path / "out")
    finally:
        (tmp_path / "in" / "shut").chmod(0o700)
    assert [(case.name, bool(case.trouble)) for case in found.cases] == [
        ("a.nrrd", False), ("shut", True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "# those\n\nin/a.nrrd\nin/sub/b.nrrd\nin/./a.nrrd\n"),
        ("list.csv", "patient,path\n1,in/a.nrrd\n2,in/sub/b.nrrd\n"),
        ("list.csv", "\ufeffin/a.nrrd\nin/sub/b.nrrd\n"),
        ("list.tsv", "File\tage\nin/a.nrrd\t3\nin/sub/b.nrrd\t4\n"),
    ],
)
def test_lists(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = find_cases(tmp_path / name, tmp_path / "out")
    assert names(found) == ["a.nrrd", "sub/b.nrrd"]
    assert [case.source for case in found.cases] == [
        tmp_path / "in" / "a.nrrd", tmp_path / "in" / "sub" / "b.nrrd"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data"),
    [("l.txt", b"\xff\xfe\x00"), ("l.csv", b"a\0b"), ("l.txt", b""), ("l.csv", b"x" * 200_001)],
)
def test_lists_that_are_none(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError):
        find_cases(tmp_path / name, tmp_path / "out")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_cases(tmp_path / "none", tmp_path / "out")
    write_cases(tmp_path, ["a.nrrd"])
    with pytest.raises(InputError, match="neither a folder nor a list"):
        find_cases(tmp_path / "a.nrrd", tmp_path / "out")
