"""The Python interface."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import skullfix
from skullfix.errors import InputError


def test_importing_is_light() -> None:
    code = "import sys, skullfix; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        skullfix.complete(tmp_path / "none.nrrd")
    with pytest.raises(InputError):
        skullfix.upscale(tmp_path / "none.nrrd", factor=2)
    with pytest.raises(InputError):
        skullfix.refine(tmp_path / "none.nrrd", "aorta", mesh=False)


def test_complete_returns_masks_and_mesh(tmp_path: Path) -> None:
    from skullfix.images.phantom import head_phantom
    from skullfix.images.volume import Volume
    from skullfix.images.write import write_volume

    patient = head_phantom(spacing=(1.5, 1.5, 1.5))
    bone = patient.bone.array & ~patient.implant.array
    write_volume(Volume(bone.astype(np.uint8), patient.bone.geometry), tmp_path / "a.nrrd")
    result = skullfix.complete(str(tmp_path / "a.nrrd"), report=False)
    assert result.status == "success"
    assert result.mesh is not None
    assert not (result.implant.array & result.bone.array).any()
    assert (tmp_path / "a_implant.stl").is_file()
