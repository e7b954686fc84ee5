"""Outputs are refused, or appear together."""

from __future__ import annotations

from pathlib import Path

import pytest

from skullfix.errors import OutputError
from skullfix.files.outputs import plan_outputs, staged

NAMES = {"mask": "_implant.nrrd", "result": "_result.json"}


def test_names_lie_beside_the_input_or_in_the_folder(tmp_path: Path) -> None:
    source = tmp_path / "in" / "scan.nrrd"
    source.parent.mkdir()
    paths = plan_outputs(source, None, "scan", NAMES, overwrite=False)
    assert paths["mask"] == source.parent / "scan_implant.nrrd"
    folder = tmp_path / "deep" / "er"
    paths = plan_outputs(source, folder, "scan", NAMES, overwrite=False)
    assert paths["result"] == folder / "scan_result.json"
    assert folder.is_dir()


def test_outputs_lie_beside_a_link_and_not_beside_its_target(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "object").write_text("x")
    (tmp_path / "scan.nrrd").symlink_to(tmp_path / "store" / "object")
    paths = plan_outputs(tmp_path / "scan.nrrd", None, "scan", NAMES, overwrite=False)
    assert paths["mask"].parent == tmp_path


def test_a_name_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be made") as caught:
        plan_outputs(tmp_path / "a.nrrd", tmp_path, "a" * 250, NAMES, overwrite=False)
    assert "shorter" in caught.value.hint


def test_an_existing_output_is_refused_without_overwrite(tmp_path: Path) -> None:
    (tmp_path / "scan_result.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already") as caught:
        plan_outputs(tmp_path / "scan.nrrd", tmp_path, "scan", NAMES, overwrite=False)
    assert "--overwrite" in caught.value.hint
    plan_outputs(tmp_path / "scan.nrrd", tmp_path, "scan", NAMES, overwrite=True)
    assert (tmp_path / "scan_result.json").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        plan_outputs(tmp_path / "a.nrrd", tmp_path / "file" / "x", "a", NAMES, overwrite=False)


def test_staged_files_appear_together(tmp_path: Path) -> None:
    paths = plan_outputs(tmp_path / "s.nrrd", tmp_path, "s", NAMES, overwrite=False)
    with staged(paths) as aside:
        for path in aside.values():
            path.write_text("x")
        assert not any(path.exists() for path in paths.values())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s_implant.nrrd", "s_result.json"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    paths = plan_outputs(tmp_path / "s.nrrd", tmp_path, "s", NAMES, overwrite=False)

    def fail() -> None:
        with staged(paths) as aside:
            aside["mask"].write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_written_this_time_goes(tmp_path: Path) -> None:
    for name in ("s_implant.nrrd", "s_result.json", "other"):
        (tmp_path / name).write_text("old")
    paths = plan_outputs(tmp_path / "s.nrrd", tmp_path, "s", NAMES, overwrite=True)
    with staged(paths) as aside:
        aside["result"].write_text("new")
    found = {p.name: p.read_text() for p in tmp_path.iterdir()}
    assert found == {"s_result.json": "new", "other": "old"}


def test_a_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s_result.json").mkdir()
    with pytest.raises(OutputError, match="no ordinary file"):
        plan_outputs(tmp_path / "s.nrrd", tmp_path, "s", NAMES, overwrite=True)


def test_a_failure_while_files_are_moved_gives_the_old_ones_back(tmp_path: Path) -> None:
    (tmp_path / "s_implant.nrrd").write_text("old")
    paths = plan_outputs(tmp_path / "s.nrrd", tmp_path, "s", NAMES, overwrite=True)

    def fail() -> None:
        with staged(paths) as aside:
            for path in aside.values():
                path.write_text("new")
            (aside["result"].parent.parent / "old" / "s_result.json").mkdir()
            (tmp_path / "s_result.json").write_text("came meanwhile")

    with pytest.raises(OutputError, match=r"s_result\.json.* cannot be replaced") as caught:
        fail()
    assert "as they were" in caught.value.message
    found = {p.name: p.read_text() for p in tmp_path.iterdir() if p.is_file()}
    assert found == {"s_implant.nrrd": "old", "s_result.json": "came meanwhile"}
