"""MetaImage headers as other programs write them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from skullfix.errors import InputError
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume

HEADER = (
    "ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementType = MET_UCHAR\n"
    "TransformMatrix = 1 0 0 0 1 0 0 0 1\nElementSpacing = 1 1 1\n"
)


def meta(path: Path, more: str) -> Path:
    text = f"{HEADER}{more}ElementDataFile = LOCAL\n"
    path.write_bytes(text.encode("latin-1") + bytes(range(64)))
    return path


def image_of(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.geometry.spacing)
    image.SetOrigin(volume.geometry.origin)
    image.SetDirection(volume.geometry.direction)
    return image


@pytest.mark.parametrize("target", [".mha", ".mhd"])
@pytest.mark.parametrize("source", [".nii.gz", ".nrrd"])
@pytest.mark.parametrize("compressed", [True, False])
def test_conversions_by_another_program(
    tmp_path: Path, volume: Volume, source: str, target: str, compressed: bool
) -> None:
    sitk.WriteImage(image_of(volume), str(tmp_path / f"a{source}"))
    path = tmp_path / f"b{target}"
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / f"a{source}")), str(path), compressed)
    key = rb"^dim\[0\] = 3$" if source == ".nii.gz" else rb"^NRRD_kinds\[0\] = domain$"
    assert re.search(key, path.read_bytes(), re.MULTILINE)
    scan = read_scan(path)
    assert np.array_equal(scan.volume.array, volume.array)
    assert np.allclose(scan.volume.geometry.affine(), volume.geometry.affine(), atol=1e-4)
    assert not [text for text in scan.warnings if "oriented" in text]


def test_metadata_of_any_name(tmp_path: Path, volume: Volume) -> None:
    image = image_of(volume)
    for key in ("0008|0060", "qform_code_name", "two words", "Größe (mm)"):
        image.SetMetaData(key, "a = b")
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    assert np.array_equal(read_scan(tmp_path / "a.mha").volume.array, volume.array)


def test_only_what_is_read_may_not_be_given_twice(tmp_path: Path) -> None:
    assert read_scan(meta(tmp_path / "a.mha", "Comment = a\nComment = b\n")).warnings == ()
    read_scan(meta(tmp_path / "b.mha", "DimSize = 4 4 4\n"))
    with pytest.raises(InputError, match="'Offset' twice"):
        read_scan(meta(tmp_path / "c.mha", "Offset = 0 0 0\nOrigin = 1 0 0\n"))


@pytest.mark.parametrize("line", ["Dear colleague", "= 3", " = ", "a\0b = 3", "[0]"])
def test_lines_of_no_field_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="has the header line"):
        read_scan(meta(tmp_path / "a.mha", f"{line}\n"))


def test_a_long_line_takes_no_time(tmp_path: Path) -> None:
    path = meta(tmp_path / "a.mha", f"a{' ' * 900_000}b\n")
    start = time.perf_counter()
    with pytest.raises(InputError, match="has the header line"):
        read_scan(path)
    assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize(("slope", "offset"), [("1.0", "0.0"), ("1", "-0"), ("1e0", "0.000")])
def test_a_scale_that_changes_nothing(tmp_path: Path, slope: str, offset: str) -> None:
    more = f"ElementToIntensityFunctionSlope = {slope}\n"
    more += f"ElementToIntensityFunctionOffset = {offset}\n"
    array = read_scan(meta(tmp_path / "a.mha", more)).volume.array
    assert array.tobytes() == bytes(range(64))


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("Slope = 2", "scales its voxels by 2 and 0"),
        ("Offset = -1024.0", "scales its voxels by 1 and -1024"),
        ("Slope = one", "1 numbers were expected"),
        ("Slope = nan", "1 numbers were expected"),
    ],
)
def test_a_scale_that_changes_something(tmp_path: Path, line: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_scan(meta(tmp_path / "a.mha", f"ElementToIntensityFunction{line}\n"))
    assert caught.value.hint
