"""``skullfix complete`` on a skull without a hole: the document, and nothing of an older result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from skullfix.cli.main import run
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume


def test_an_intact_skull_has_no_defect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bone = head_phantom(spacing=(1.2, 1.2, 1.2), defect=False).bone
    write_volume(Volume(bone.array.astype(np.uint8), bone.geometry), tmp_path / "whole.nrrd")
    assert run(["complete", str(tmp_path / "whole.nrrd"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "no_defect"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["whole.nrrd", "whole_result.json"]

    names = ("implant.stl", "implant.nrrd", "report.html")
    older = [tmp_path / f"whole_{name}" for name in names]
    for path in (*older, tmp_path / "whole_notes.txt"):
        path.write_text("of another day")
    assert run(["complete", str(tmp_path / "whole.nrrd")]) == 6
    assert all(path.exists() for path in older)
    assert run(["complete", str(tmp_path / "whole.nrrd"), "--overwrite"]) == 0
    found = sorted(p.name for p in tmp_path.iterdir())
    assert found == ["whole.nrrd", "whole_notes.txt", "whole_result.json"]
