from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_helpers import make_geometry, oblique

from skullfix.errors import InputError
from skullfix.images.bone import extract_bone
from skullfix.images.read import read_scan
from skullfix.images.sanity import cavity_ml, check_head
from skullfix.images.volume import Volume


def vault(size: int = 60, spacing: float = 3.0, **changes: Any) -> Volume:
    """A hollow ball of bone, 70 mm from centre to outer surface, with a hole of 80 mm."""
    z, y, x = (np.indices((size, size, size)) - size / 2) * spacing
    radius = np.sqrt(z**2 + y**2 + x**2)
    bone = (radius < 70) & (radius > 62)
    bone &= np.sqrt(z**2 + y**2 + (x - 66) ** 2) > 40
    return Volume(bone, make_geometry((size,) * 3, (spacing,) * 3, **changes))


@pytest.mark.parametrize("seed", [0, 1])
def test_an_open_skull_is_a_head(seed: int) -> None:
    bone = vault(direction=oblique(seed))
    assert check_head(bone) == ()
    assert 600 < cavity_ml(bone) < 1000  # the ball holds 1000 ml


def test_what_is_no_head() -> None:
    bone = vault()
    half = bone.array.copy()
    half[30:] = False
    half[:18] = False  # a ring without top and bottom
    for array in (half, np.zeros_like(half), np.ones_like(half), np.indices(half.shape)[0] == 3):
        with pytest.raises(InputError, match="not a skull with a vault") as caught:
            check_head(Volume(array, bone.geometry))
        assert "whole cranium" in caught.value.hint


@pytest.mark.parametrize(("factor", "match"), [(0.3, "not a skull"), (2.2, "not a head")])
def test_wrong_spacings(factor: float, match: str) -> None:
    bone = vault()
    spacing = tuple(factor * size for size in bone.geometry.spacing)
    with pytest.raises(InputError, match=match) as caught:
        check_head(Volume(bone.array, replace(bone.geometry, spacing=spacing)))
    assert "spacing" in caught.value.hint


def test_a_header_without_geometry_is_told() -> None:
    bone = vault(150, 1.0, origin=(0.0, 0.0, 0.0))
    (warning,) = check_head(bone)
    assert "lost it" in warning


@pytest.mark.real
def test_real_skulls(real_data: Path) -> None:
    for number in ("000", "037", "061", "096"):
        skull = read_scan(real_data / "autoimplant" / "complete_skull" / f"{number}.nrrd").volume
        implant = read_scan(real_data / "autoimplant" / "implant" / f"{number}.nrrd").volume
        assert check_head(skull) == ()
        assert check_head(replace(skull, array=skull.array & (implant.array == 0))) == ()
    for path in sorted((real_data / "autoimplant" / "out_of_distribution").iterdir()):
        assert check_head(read_scan(path).volume) == ()
    for number in ("03", "13", "16"):
        assert (
            check_head(read_scan(real_data / "synthseg_skulls" / f"{number}.nii.gz").volume) == ()
        )
    bone, _ = extract_bone(read_scan(real_data / "head_ct" / "dicom_thick_uneven").volume)
    assert check_head(bone) == ()


@pytest.mark.real
def test_a_real_skull_base_is_refused(real_data: Path) -> None:
    path = real_data / "head_ct" / "skull_base_nonorthonormal.nii.gz"
    bone, _ = extract_bone(read_scan(path).volume)
    with pytest.raises(InputError, match="not a skull with a vault"):
        check_head(bone)
    for path in sorted((real_data / "organs").glob("*/*.nii.gz")):
        with pytest.raises(InputError, match="not a skull"):
            check_head(read_scan(path).volume)
