from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_helpers import make_geometry

from skullfix.errors import InputError
from skullfix.images.kind import detect_kind
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume


def cube(values: list[float], dtype: str = "int16") -> Volume:
    rng = np.random.default_rng(0)
    return Volume(rng.choice(values, (7, 6, 5)).astype(dtype), make_geometry())


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_kinds(dtype: str) -> None:
    for values in ([0], [1], [0, 1], [0, 255], [0, 2], [0, 1, 2, 3]):
        if dtype != "uint8" or max(values) < 256:
            assert detect_kind(cube(list(map(float, values)), dtype)) == "mask"
    assert detect_kind(cube(list(map(float, range(40))), dtype)) == "ct"


def test_kinds_of_the_rest() -> None:
    assert detect_kind(cube([0, 1], "bool")) == "mask"
    assert detect_kind(cube([-1000, 40, 900])) == "ct"
    assert detect_kind(cube([0, 1], "int16")) == "mask"
    assert detect_kind(cube([0.0, 0.5, 1.0], "float32")) == "ct"
    assert detect_kind(cube([0.0, np.nan], "float32")) == "ct"
    assert detect_kind(cube([0.0, np.inf], "float32")) == "ct"
    assert detect_kind(cube([0, 0, 0, 1060], "uint16")) == "mask"


def test_kind_looks_at_every_voxel() -> None:
    array = np.zeros((300, 200, 100), np.int16)
    array[-1, -1, -1] = -1
    assert detect_kind(Volume(array, make_geometry((100, 200, 300)))) == "ct"


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32"])
@pytest.mark.parametrize("inside", [1, 2, 255])
def test_masks(dtype: str, inside: int) -> None:
    source = cube([0.0, float(inside)], dtype)
    mask, warnings = as_mask(source)
    assert mask.array.dtype == np.bool_
    assert np.array_equal(mask.array, source.array == inside)
    assert mask.geometry == source.geometry
    assert bool(warnings) == (inside != 1)
    again, more = as_mask(mask)
    assert again.array is mask.array
    assert more == ()


@pytest.mark.parametrize(
    ("values", "dtype", "match"),
    [
        ([0], "uint8", "is empty"),
        ([1], "uint8", "is full"),
        ([0, 1, 2], "uint8", "2 values beside zero \\(1, 2\\)"),
        ([0, *range(1, 40)], "uint8", "38 values .+ …"),
        ([0, 7], "int16", "the value 7"),
        ([0, -1], "int16", "the value -1"),
        ([0, 0.5], "float32", "the value 0.5"),
        ([0, 1, np.nan], "float32", "not numbers"),
        ([0, np.inf], "float32", "not numbers"),
    ],
)
def test_masks_that_are_refused(values: list[float], dtype: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        as_mask(cube(values, dtype))
    assert caught.value.hint


@pytest.mark.real
def test_real_kinds(real_data: Path) -> None:
    for name, kind in (
        ("autoimplant/implant/000.nrrd", "mask"),
        ("synthseg_skulls/01.nii.gz", "mask"),
        ("organs/s0004/aorta.nii.gz", "mask"),
        ("head_ct/unc_cadaver.nrrd", "ct"),
        ("head_ct/dicom_thick_uneven", "ct"),
        ("head_ct/skull_base_nonorthonormal.nii.gz", "ct"),
    ):
        assert detect_kind(read_scan(real_data / name).volume) == kind
