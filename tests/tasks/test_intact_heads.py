"""Heads without a hole are left alone, thick slices or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from skullfix.images.bone import extract_bone
from skullfix.images.read import read_scan
from skullfix.tasks.complete import complete_bone
from skullfix.tasks.model import load_model


@pytest.mark.real
@pytest.mark.parametrize("name", ["dicom_thick_uneven", "unc_cadaver.nrrd"])
def test_no_implant_for_an_intact_head(real_data: Path, name: str) -> None:
    bone, _ = extract_bone(read_scan(real_data / "head_ct" / name).volume)
    assert complete_bone(bone, load_model(None, "auto")).pieces_ml == ()
