from __future__ import annotations

import json
from pathlib import Path

import pytest

from skullfix.cli.main import run


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (["complete", ""], "INPUT"),
        (["complete", "scan.nrrd", "-o", ""], "--output"),
        (["mesh", "mask.nrrd", "--bone", ""], "--bone"),
        (["upscale", "mask.nrrd", "--like="], "--like"),
        (["refine", "", "--organ", "heart"], "MASK"),
        (["batch", "complete", "", "-o", "out"], "FOLDER"),
        (["batch", "upscale", "in", "-o", "out", "--like", ""], "--like"),
        (["evaluate", "a.nrrd", ""], "TRUTH"),
        (["evaluate", "--set", ""], "--set"),
        (["simulate", "coarse", "", "-o", "out"], "MASK"),
        (["train", "complete", "skulls", "", "-o", "out"], "DATA"),
        (["weights", "import", ""], "FILE"),
        (["slicer-module", ""], "DIR"),
        (["demo", "-o", ""], "--output"),
    ],
)
def test_an_empty_path_is_refused(
    line: list[str],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(line) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: {name} is empty; a path was expected."
    assert "shell variable" in hint
    assert run([*line, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"
    assert not list(tmp_path.iterdir())


def test_other_empty_words_and_this_folder_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["batch", "complete", ".", "-o", "out"]) == 3
    assert "holds no case" in capsys.readouterr().err
    assert run(["evaluate", "a.nrrd", "b.nrrd", "--families", ""]) == 3
    assert "a.nrrd" in capsys.readouterr().err
