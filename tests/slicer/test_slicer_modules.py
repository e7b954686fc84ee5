"""The modules for 3D Slicer, driven as Slicer drives them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import trimesh

from skullfix.cli.main import run
from skullfix.images.phantom import head_phantom
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume
from skullfix.slicer.modules import MODULES

# The published schema (ModuleDescription.xsd of the Slicer Execution Model), in short: what each
# kind of parameter may hold, and what all of an indexed one must hold.
HEAD = [
    "category", "title", "description", "version", "documentation-url", "license", "contributor",
]  # fmt: skip
PLAIN = {"name", "flag", "longflag", "description", "label", "default"}
INDEXED = {"name", "label", "description", "channel", "index"}
KINDS = {
    "string": (PLAIN, set()),
    "double": (PLAIN, set()),
    "boolean": (PLAIN, set()),
    "image": (INDEXED, {"type", "reference", "hidden", "fileExtensions"}),
    "geometry": (INDEXED, {"type", "reference", "hidden", "fileExtensions"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("modules")
    assert run(["slicer-module", str(place), "--quiet"]) == 0
    return place


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_descriptions_follow_the_schema(module: object, folder: Path) -> None:
    root = ElementTree.parse(folder / f"{module.name}.xml").getroot()  # type: ignore[attr-defined]
    assert root.tag == "executable"
    tags = [child.tag for child in root]
    assert tags[: len(HEAD)] == HEAD
    assert tags[len(HEAD) :] == ["parameters", "parameters"]
    indices = []
    for group in root.findall("parameters"):
        for item in group:
            if item.tag in ("label", "description"):
                continue
            fields, attributes = KINDS[item.tag]
            names = [child.tag for child in item]
            assert len(names) == len(set(names))
            assert set(item.keys()) <= attributes
            if fields is INDEXED:
                assert set(names) == INDEXED
                assert item.findtext("channel") in ("input", "output")
                indices.append(int(item.findtext("index", "-1")))
            else:
                assert set(names) <= fields
                assert item.findtext("longflag")
    assert indices == list(range(len(indices)))


def start(script: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=500,
        cwd=script.parent,
    )


def test_complete_as_slicer_calls_it(folder: Path, tmp_path: Path) -> None:
    head = head_phantom(spacing=(1.5, 1.5, 1.5))
    grid = head.bone.geometry
    scan = tmp_path / "vtkMRMLScalarVolumeNodeB.nrrd"
    defective = head.bone.array & ~head.implant.array
    write_volume(Volume(defective.astype(np.uint8), grid), scan)
    wanted = [tmp_path / name for name in ("C.nrrd", "D.nrrd", "E.stl")]
    done = start(
        folder / "SkullfixComplete.py", "--kind", "mask", "--threshold", "150",
        "--clearance", "0.5", "--threads", "0", scan, *wanted,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("<filter-start>")
    assert lines[-1].startswith("<filter-end>")
    shares = [float(s[17:-18]) for s in lines if s.startswith("<filter-progress>")]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) >= 4
    completed, implant = (read_scan(path).volume for path in wanted[:2])
    assert completed.geometry == implant.geometry == grid
    assert bool(((implant.array == 0) | (completed.array == 1)).all())
    assert trimesh.load_mesh(wanted[2]).is_watertight
    assert sorted(tmp_path.iterdir()) == sorted([scan, *wanted])  # nothing else is left


def test_errors_come_through(folder: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("C.nrrd", "D.nrrd", "E.stl")]
    done = start(folder / "SkullfixComplete.py", tmp_path / "nowhere.nrrd", *outputs)
    assert done.returncode == 3
    assert "does not exist" in done.stderr
    assert start(folder / "SkullfixUpscale.py", tmp_path / "nowhere.nrrd").returncode == 2
    assert not any(path.exists() for path in outputs)


def test_the_description_on_demand(folder: Path) -> None:
    done = start(folder / "SkullfixRefine.py", "--xml")
    assert done.stdout == (folder / "SkullfixRefine.xml").read_text()


def test_existing_files_are_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slicer-module", str(folder), "--json"]) == 6
    assert json.loads(capsys.readouterr().out)["error"]["hint"]
    assert run(["slicer-module", str(folder), "--overwrite"]) == 0
