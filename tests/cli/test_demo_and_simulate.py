"""The demonstration and simulated defects, through the real command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from command import skullfix

from skullfix.images.phantom import head_phantom
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume


def test_the_demonstration_completes_its_patient(tmp_path: Path) -> None:
    done = skullfix("demo", "-o", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["status"] == "success"
    assert document["scores"]["dice"] > 0.94
    assert (tmp_path / "out" / "phantom_implant.stl").is_file()
    again = skullfix("demo", "-o", tmp_path / "out")
    assert again.returncode == 6
    assert "--overwrite" in again.stderr


def test_simulated_defects_are_files_that_make_the_skull_again(tmp_path: Path) -> None:
    skull = head_phantom(spacing=(1.5, 1.5, 1.5), defect=False).bone
    write_volume(Volume(skull.array.astype(np.uint8), skull.geometry), tmp_path / "s.nii.gz")
    words = ["simulate", "defect", tmp_path / "s.nii.gz", "-o", tmp_path / "out", "--count", 2]
    done = skullfix(*words, "--seed", 5, "--family", "bilateral", "--json")
    assert done.returncode == 0, done.stderr
    cases = json.loads(done.stdout)["cases"]
    assert [case["seed"] for case in cases] == [5, 6]
    for case in cases:
        bone, implant = (read_scan(Path(case[k])).volume.array for k in ("defective", "implant"))
        np.testing.assert_array_equal(bone + implant, skull.array.astype(np.uint8))
        assert 6 < case["volume_ml"] < 165
    assert skullfix(*words, "--seed", 5).returncode == 6
    refused = skullfix(*words, "--seed", 50, "--family", "nose")
    assert refused.returncode == 2
    assert not list((tmp_path / "out").glob("*s50*"))
