from __future__ import annotations

import gzip
import os
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from image_helpers import SUFFIXES, make_geometry, write_any, write_by_itk

from skullfix.errors import InputError
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume

NRRD = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: {size}\nencoding: {encoding}\n"
META = (
    "ObjectType = Image\nNDims = 3\nDimSize = {size}\nElementType = MET_UCHAR\n"
    "ElementSpacing = {spacing}\nElementDataFile = LOCAL\n"
)


def nrrd(path: Path, size: str = "4 4 4", more: str = "", encoding: str = "raw") -> Path:
    data = bytes(range(64)) if encoding == "raw" else gzip.compress(bytes(64))
    path.write_bytes((NRRD.format(size=size, encoding=encoding) + more + "\n").encode() + data)
    return path


def meta(path: Path, size: str = "4 4 4", spacing: str = "1 1 1") -> Path:
    path.write_bytes(META.format(size=size, spacing=spacing).encode() + bytes(range(64)))
    return path


def refused(path: Path, match: str = "\\S") -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_scan(path)
    assert caught.value.hint
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz"])
def test_files_of_another_writer(
    tmp_path: Path, volume: Volume, suffix: str, compressed: bool
) -> None:
    path = tmp_path / f"Scan 1{suffix.upper() if suffix == '.nrrd' else suffix}"
    write_by_itk(volume, path, compressed=compressed)
    scan = read_scan(path)
    assert np.array_equal(scan.volume.array, volume.array)
    assert np.allclose(scan.volume.geometry.affine(), volume.geometry.affine(), atol=1e-4)
    written_as = {".nhdr": ".nrrd", ".mhd": ".mha"}.get(suffix, suffix)
    assert (scan.stem, scan.suffix) == ("Scan 1", written_as)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 0.999])
def test_cut_off_files(tmp_path: Path, suffix: str, share: float) -> None:
    array = np.random.default_rng(0).integers(-1000, 1000, (20, 30, 40)).astype(np.int16)
    path = tmp_path / f"a{suffix}"
    write_any(Volume(array, make_geometry((40, 30, 20))), path)
    (data,) = [item for item in tmp_path.iterdir() if item.name != path.name] or [path]
    whole = data.read_bytes()
    data.write_bytes(whole[: int(share * len(whole))])
    refused(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz"])
def test_a_flipped_bit_of_a_compressed_file(tmp_path: Path, suffix: str) -> None:
    array = np.random.default_rng(0).integers(-1000, 1000, (20, 30, 40)).astype(np.int16)
    path = tmp_path / f"a{suffix}"
    write_volume(Volume(array, make_geometry((40, 30, 20))), path)
    whole = path.read_bytes()
    for place in (len(whole) // 2, len(whole) - 6, len(whole) * 9 // 10):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        refused(path, "cut off or damaged|ends too early")


def test_what_is_no_image(tmp_path: Path) -> None:
    refused(tmp_path / "missing.nrrd", "does not exist")
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(b"")
        refused(path, "is empty")
        for content in (b"Dear colleague,\nplease find attached\n\nthe scan", bytes(1000)):
            path.write_bytes(content)
            refused(path, "is not a|cannot be decompressed")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    refused(tmp_path / "picture.png", "no suffix that skullfix knows")
    (tmp_path / "link.nrrd").symlink_to(tmp_path / "link.nrrd")
    refused(tmp_path / "link.nrrd", "does not exist|cannot be opened")
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        closed = nrrd(tmp_path / "closed.nrrd")
        closed.chmod(0)
        refused(closed, "cannot be opened")
    with pytest.raises(InputError, match="single file"):
        read_scan(nrrd(tmp_path / "b.nrrd"), series="1.2.3")


@pytest.mark.parametrize(
    ("size", "match"),
    [
        ("100000 100000 100000", "promises a grid"),
        ("8192 8192 8192", "promises a grid"),
        ("1024 1024 1024", "ends too early"),
        ("4 4 5", "ends too early"),
        ("0 4 4", "no voxels"),
        ("-4 -4 4", r"\S"),
        ("99999999999999999999999 1 1", r"\S"),
        ("4 4", r"\S"),
        ("1 8 8", "not a volume"),
    ],
)
def test_sizes_before_allocation(tmp_path: Path, size: str, match: str) -> None:
    refused(nrrd(tmp_path / "a.nrrd", size), match)
    refused(nrrd(tmp_path / "b.nrrd", size, encoding="gzip"), match)
    refused(meta(tmp_path / "a.mha", size), match)


def test_a_nifti_header_that_promises_too_much(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    write_volume(Volume(np.zeros((4, 4, 4), np.uint8), make_geometry((4, 4, 4))), path)
    raw = bytearray(path.read_bytes())
    for sides, match in (
        ((30000, 30000, 30000), "promises a grid"),
        ((4, 4, 5), "ends too early"),
        ((4, 4, 0), "no voxels"),
        ((4, -4, 4), "no voxels"),
    ):
        raw[42:48] = struct.pack("<3h", *sides)
        path.write_bytes(raw)
        refused(path, match)
        packed = tmp_path / "b.nii.gz"
        packed.write_bytes(gzip.compress(bytes(raw)))
        refused(packed, match)


@pytest.mark.parametrize(
    ("spacing", "match"),
    [
        ("1 1 0", "not damaged|three positive|cannot be read|degenerate"),
        ("1 1 -1", "three positive"),
        ("1 1 1000", "micrometres"),
        ("0.00045 0.00045 0.0007", "metres"),
        ("1 1 nan", r"\S"),
        ("1 1 inf", r"\S"),
    ],
)
def test_spacings(tmp_path: Path, spacing: str, match: str) -> None:
    if "n" not in spacing:  # NRRD says by nan that an axis has no spacing
        refused(nrrd(tmp_path / "a.nrrd", more=f"spacings: {spacing}\n"), match)
    refused(meta(tmp_path / "a.mha", spacing=spacing), match)


@pytest.mark.parametrize(
    "vectors",
    ["(1,0,0) (0,0,0) (0,0,1)", "(1,0,0) (1,1,0) (0,0,1)", "(1,0,0) (1,0,0) (0,0,1)"],
)
def test_directions_that_are_refused(tmp_path: Path, vectors: str) -> None:
    more = f"space: left-posterior-superior\nspace directions: {vectors}\n"
    refused(nrrd(tmp_path / "a.nrrd", more=more))


def test_directions_that_are_nearly_right(tmp_path: Path) -> None:
    more = "space: left-posterior-superior\nspace directions: (1,0,0) (0,1,0.01) (0,0,1)\n"
    scan = read_scan(nrrd(tmp_path / "a.nrrd", more=more))
    axes = np.reshape(scan.volume.geometry.direction, (3, 3))
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    assert "0.286" in scan.warnings[0]


def test_ras_is_turned_into_lps(tmp_path: Path) -> None:
    more = "space: RAS\nspace directions: (2,0,0) (0,3,0) (0,0,4)\nspace origin: (1,2,3)\n"
    geometry = read_scan(nrrd(tmp_path / "a.nrrd", more=more)).volume.geometry
    assert geometry.origin == (-1, -2, 3)
    assert np.array_equal(geometry.affine()[:3, :3], np.diag([-2, -3, 4]))


@pytest.mark.parametrize(
    "image",
    [
        sitk.Image([4, 4], sitk.sitkUInt8),
        sitk.Image([4, 4, 4, 4], sitk.sitkUInt8),
        sitk.Image([4, 4, 4], sitk.sitkVectorUInt8, 3),
        sitk.Image([4, 4, 4], sitk.sitkComplexFloat32),
    ],
    ids=["2d", "4d", "rgb", "complex"],
)
@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz"])
def test_what_is_no_grey_volume(tmp_path: Path, image: sitk.Image, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    try:
        sitk.WriteImage(image, str(path))
    except RuntimeError:
        pytest.skip("the format cannot hold it")
    refused(path)


def test_four_dimensions_of_which_the_last_is_one(tmp_path: Path) -> None:
    array = np.arange(64, dtype=np.int16).reshape(4, 4, 4, 1)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii.gz")
    scan = read_scan(tmp_path / "a.nii.gz")
    assert np.array_equal(scan.volume.array, array[..., 0].transpose(2, 1, 0))


@pytest.mark.parametrize(
    "name", ["/etc/hostname", "../other.raw", "C:\\data.raw", "LIST", "slice%03d.raw 1 4 1"]
)
def test_data_files_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "other.raw").write_bytes(bytes(64))
    refused(nrrd(tmp_path / "in" / "a.nhdr", more=f"data file: {name}\n"), "voxels")
    header = META.format(size="4 4 4", spacing="1 1 1").replace("LOCAL", name)
    (tmp_path / "in" / "a.mhd").write_text(header)
    refused(tmp_path / "in" / "a.mhd", "voxels")


def test_a_data_file_that_is_missing(tmp_path: Path) -> None:
    refused(nrrd(tmp_path / "a.nhdr", more="data file: b.raw\n"), "is not there")


def test_a_header_without_end(tmp_path: Path) -> None:
    for name, line in (("a.nrrd", b"NRRD0004\ntype: uchar\n# "), ("a.mha", b"NDims = 3\nName = ")):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(line)
            file.truncate(2 * 2**30)  # sparse: no disk is used
        refused(path, "a header of more than 1,048,576 bytes")


def test_compressed_sizes_cannot_be_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    header = NRRD.format(size="1000 1000 1000", encoding="gzip") + "\n"
    path.write_bytes(header.encode() + gzip.compress(bytes(10**6)))
    refused(path, "ends too early")
    path = tmp_path / "b.mha"
    text = META.format(size="100 100 100", spacing="1 1 1").replace(
        "ElementDataFile", "CompressedData = True\nElementDataFile"
    )
    path.write_bytes(text.encode() + zlib.compress(bytes(10**5)))
    refused(path, "ends too early")


def test_more_than_one_gzip_member(tmp_path: Path) -> None:
    data = bytes(range(64))
    path = tmp_path / "a.nii.gz"
    write_volume(Volume(np.zeros((4, 4, 4), np.uint8), make_geometry((4, 4, 4))), path)
    head = gzip.decompress(path.read_bytes())[:352]
    path.write_bytes(gzip.compress(head) + gzip.compress(data))
    assert read_scan(path).volume.array.tobytes() == data


def test_a_neighbour_with_a_similar_name_is_not_read(tmp_path: Path) -> None:
    ones = Volume(np.ones((4, 4, 4), np.uint8), make_geometry((4, 4, 4)))
    twos = Volume(2 * ones.array, ones.geometry)
    write_volume(ones, tmp_path / "a.nii")
    write_volume(twos, tmp_path / "a.nii.gz")
    assert read_scan(tmp_path / "a.nii").volume.array.max() == 1
    assert read_scan(tmp_path / "a.nii.gz").volume.array.min() == 2
