from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_helpers import EVEN, Writer, refused
from mutants import seed_jpeg

from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume


def check_field(volume: Volume, *, atol: float, inner: int = 0) -> None:
    """The voxels must be 10 z + 20 y + 30 (x + 10) of their world positions."""
    z, y, x = np.indices(volume.array.shape)
    points = volume.geometry.affine() @ np.stack([x, y, z, np.ones_like(x)]).reshape(4, -1)
    expected = 10 * points[2] + 20 * points[1] + 30 * (points[0] + 10)
    found = volume.array.reshape(-1)
    part = np.ones(volume.array.shape, bool)
    if inner:
        part[:] = False
        part[:, inner:-inner] = True
    keep = part.reshape(-1)
    assert np.abs(found - expected)[keep].max() <= atol


def test_an_even_series(tmp_path: Path, write_series: Writer) -> None:
    planes = write_series(tmp_path / "case 1", EVEN)
    (tmp_path / "case 1" / "DICOMDIR").write_bytes(b"not a slice")
    scan = read_scan(tmp_path / "case 1")
    assert np.array_equal(scan.volume.array, planes)
    assert scan.volume.array.dtype == np.int16
    assert scan.volume.geometry.spacing == (0.4, 0.5, 1.5)
    assert scan.volume.geometry.origin == (-10, -20, 30)
    assert (scan.format, scan.suffix, scan.stem, scan.warnings) == ("dicom", ".nrrd", "case 1", ())
    check_field(scan.volume, atol=1)


def test_the_same_as_itk_reads(tmp_path: Path, write_series: Writer) -> None:
    axes = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]  # sagittal
    folder = tmp_path / "a"
    folder.mkdir()
    write_series(folder, EVEN)
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        position = header.ImagePositionPatient
        header.ImageOrientationPatient = axes
        header.ImagePositionPatient = [-position[2], 3.0, 4.0]
        header.save_as(path)
    scan = read_scan(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    assert np.allclose(scan.volume.geometry.direction, image.GetDirection())
    assert np.allclose(scan.volume.geometry.origin, image.GetOrigin())
    assert np.allclose(scan.volume.geometry.spacing, image.GetSpacing())
    assert np.array_equal(scan.volume.array, sitk.GetArrayFromImage(image))


def test_output_grid_survives_nrrd(tmp_path: Path, write_series: Writer) -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    write_series(tmp_path / "a", EVEN, ImageOrientationPatient=[1, 0, 0, 0, c, s])
    write_series(tmp_path / "b", [30.0, 30.0])
    refused(tmp_path / "b", "same position")
    volume = read_scan(tmp_path / "a").volume
    write_volume(volume, tmp_path / "a.nrrd")
    assert read_scan(tmp_path / "a.nrrd").volume.geometry == volume.geometry


def test_slope_and_intercept(tmp_path: Path, write_series: Writer) -> None:
    planes = write_series(tmp_path / "a", EVEN, RescaleSlope=2, RescaleIntercept=-1024)
    assert np.array_equal(read_scan(tmp_path / "a").volume.array, planes * 2 - 1024)
    planes = write_series(tmp_path / "b", EVEN, RescaleSlope=0.5, RescaleIntercept=0.25)
    found = read_scan(tmp_path / "b").volume.array
    assert found.dtype == np.float32
    assert np.array_equal(found, planes * 0.5 + 0.25)


def test_uneven_slices_are_resampled(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a", [0.0, 4.0, 8.0, 12.0, 18.0, 24.0, 30.0])
    scan = read_scan(tmp_path / "a")
    assert scan.volume.geometry.spacing[2] == pytest.approx(30 / 8)
    check_field(scan.volume, atol=2)
    assert "4 mm (3 times)" in scan.warnings[0]
    assert "6 mm (3 times)" in scan.warnings[0]
    assert "3.75 mm" in scan.warnings[0]


def test_missing_and_double_slices_are_named(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a", [0.0, 2.0, 4.0, 10.0, 12.0, 14.0, 14.0])
    scan = read_scan(tmp_path / "a")
    text = " ".join(scan.warnings)
    assert "1 slices of a lie where another one lies" in text
    assert "2 slices of a seem to be missing (between slices 3/4)" in text
    assert scan.volume.geometry.size[2] == 8
    check_field(scan.volume, atol=2)


def test_too_wide_a_gap(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a", [0.0, 2.0, 4.0, 30.0, 32.0])
    refused(tmp_path / "a", "gap of 26.0 mm between slices 3 and 4")


def test_gantry_tilt(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a", [0.0, 2.0, 4.0, 6.0, 8.0], shape=(20, 6), shear=0.3)
    scan = read_scan(tmp_path / "a")
    assert "2.4 mm over 8.0 mm (gantry tilt of 16.7 degrees)" in scan.warnings[0]
    assert scan.volume.geometry.size == (6, 25, 5)  # nothing is cut off
    check_field(scan.volume, atol=1.5, inner=5)


def test_several_series(tmp_path: Path, write_series: Writer) -> None:
    folder = tmp_path / "a"
    write_series(folder, EVEN, prefix="ct", SeriesInstanceUID="1.1", SeriesDescription="Head")
    many = [float(h) for h in range(12)]
    write_series(folder, many, prefix="mr", SeriesInstanceUID="1.2", Modality="MR")
    write_series(
        folder, many, prefix="sag", SeriesInstanceUID="1.3",
        ImageOrientationPatient=[0, 1, 0, 0, 0, -1], ImageType=["DERIVED", "SECONDARY", "MPR"],
    )  # fmt: skip
    write_series(folder, EVEN[:1], prefix="loc", SeriesInstanceUID="1.4", ImageType=["LOCALIZER"])
    scan = read_scan(folder)
    assert scan.volume.geometry.size[2] == len(EVEN)
    assert scan.series == "1.1"
    assert scan.warnings == ()
    assert scan.choice.startswith(
        "a holds 4 series of images; chosen: 1.1 (Head; CT, axial, 5 slices of 5 x 6), because it "
        "is a CT with no localizer or reformat. Left out: 1.2 (unnamed; MR, axial, 12 slices"
    )
    assert "1.3 (unnamed; CT, sagittal" in scan.choice
    assert "1.4 (unnamed; CT, axial, 1 slice of" in scan.choice
    assert scan.choice.endswith("--series UID decides otherwise.")
    other = read_scan(folder, series="1.2")
    assert other.volume.geometry.size[2] == 12
    assert "is MR, not CT" in other.warnings[0]
    assert "because it is asked for by its UID" in other.choice
    assert "Left out: 1.3" in other.choice
    refused(folder, "no series '9.9'.*1.1", series="9.9")


def test_kernel_decides_between_equals(tmp_path: Path, write_series: Writer) -> None:
    folder = tmp_path / "a"
    for uid, kernel in (("1.9", "H70h"), ("1.5", "H30s"), ("1.7", "BONE")):
        write_series(folder, EVEN, prefix=kernel, SeriesInstanceUID=uid, ConvolutionKernel=kernel)
    scan = read_scan(folder)
    assert scan.series == "1.5"
    assert "the smoother kernel of those with as many slices" in scan.choice


def test_the_head_before_more_slices_of_a_chest(tmp_path: Path, write_series: Writer) -> None:
    folder = tmp_path / "a"
    many = [float(h) for h in range(12)]
    write_series(folder, many, prefix="c", SeriesInstanceUID="1.2", SeriesDescription="Thorax 1.0")
    write_series(folder, EVEN, prefix="h", SeriesInstanceUID="1.1", BodyPartExamined="HEAD")
    scan = read_scan(folder)
    assert scan.series == "1.1"
    assert "a CT that is not of another part of the body" in scan.choice


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Modality": "MR"}, "the only CT volume"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "a CT that is axial"),
        ({}, "one of several CT that are alike"),
    ],
)
def test_the_reason_is_the_one_that_decides(
    tmp_path: Path, write_series: Writer, changes: dict[str, Any], reason: str
) -> None:
    folder = tmp_path / "a"
    write_series(folder, EVEN, prefix="a", SeriesInstanceUID="1.3")
    write_series(folder, EVEN, prefix="b", SeriesInstanceUID="1.2", **changes)
    scan = read_scan(folder)
    assert scan.series == "1.3"
    assert reason in scan.choice


def test_one_series_is_no_choice(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a", EVEN)
    scan = read_scan(tmp_path / "a")
    assert (scan.series, scan.choice) == ("1.2.3", "")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"Modality": "MR"}, "no CT series"),
        ({"ImagePositionPatient": None}, "no series that is a volume"),
        ({"ImageOrientationPatient": None}, "no series that is a volume"),
        ({"PixelSpacing": None}, "no series that is a volume"),
        ({"PixelSpacing": [0, 0]}, "three positive"),
        ({"PixelSpacing": [500, 500]}, "micrometres"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "length|right angles"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "length"),
        ({"SamplesPerPixel": 3}, "no series that is a volume"),
        ({"NumberOfFrames": 4}, "no series that is a volume"),
        ({"Rows": 60000, "Columns": 60000}, "promises a grid"),
        ({"Rows": 100}, "cannot be read"),
        ({"PixelData": b""}, "cannot be read"),
        ({"PixelData": None}, "cannot be read"),
        ({"syntax": "1.2.840.10008.1.2.1.99"}, "Deflated"),
    ],
)
def test_refusals(
    tmp_path: Path, write_slice: Callable[..., Any], changes: dict[str, Any], match: str
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for number in range(3):
        options = {"ImagePositionPatient": [0, 0, number], **changes}
        write_slice(folder / f"{number}.dcm", np.zeros((4, 4)), **options)
    refused(folder, match)


def test_folders_without_dicom(tmp_path: Path) -> None:
    refused(tmp_path, "holds no DICOM")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    refused(tmp_path, "holds no DICOM")
    refused(tmp_path / "loop", "holds no DICOM")


def test_a_damaged_slice_is_told(
    tmp_path: Path, write_series: Writer, write_slice: Callable[..., Any]
) -> None:
    write_series(tmp_path / "a", EVEN)
    write_slice(tmp_path / "a" / "zz.dcm", np.zeros((4, 4)), syntax="1.2.840.10008.1.2.1.99")
    scan = read_scan(tmp_path / "a")
    assert "1 files of a are damaged: zz.dcm" in scan.warnings[0]


@pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG"])
def test_compressed_slices(tmp_path: Path, compressor: str) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    array = np.random.default_rng(0).integers(0, 2000, (4, 16, 12)).astype(np.uint16)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    for number, plane in enumerate(array):
        path = folder / f"{number}.dcm"
        writer.SetFileName(str(path))
        writer.Execute(sitk.GetImageFromArray(plane[None]))
        header = pydicom.dcmread(path)
        assert header.file_meta.TransferSyntaxUID.is_compressed
        header.Modality, header.SeriesInstanceUID = "CT", "1.2.3"
        header.ImagePositionPatient = [0, 0, 2 * number]
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.RescaleSlope, header.RescaleIntercept = 1, -1024
        header.save_as(path)
    assert np.array_equal(read_scan(folder).volume.array, array.astype(int) - 1024)
    path.write_bytes(path.read_bytes() + _SURPLUS)  # GDCM alone would take 2 GB for it
    assert np.array_equal(read_scan(folder).volume.array, array.astype(int) - 1024)


_SURPLUS = bytes.fromhex("0a28a28a028a28a280a28a28a3ffd9feffdde000000000")


@pytest.mark.parametrize("changes", [{"BitsAllocated": 32}, {"PixelRepresentation": 128}])
def test_compressed_slices_of_odd_pixels(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = seed_jpeg(tmp_path, "JPEG")
    header = pydicom.dcmread(path)
    for key, value in changes.items():
        setattr(header, key, value)
    header.save_as(path)
    refused(path.parent, "are no greyscale pixels")


def test_an_unknown_compression(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a", EVEN)
    for path in (tmp_path / "a").iterdir():
        uid = b"1.2.840.10008.1.2.1\0"
        raw = path.read_bytes().replace(uid, b"1.2.840.10008.1.2.9\0", 1)
        path.write_bytes(raw)
    refused(tmp_path / "a", "compressed with '1.2.840.10008.1.2.9'")


@pytest.mark.real
def test_a_real_uneven_head(real_data: Path) -> None:
    folder = real_data / "head_ct" / "dicom_thick_uneven"
    scan = read_scan(folder)
    assert scan.volume.geometry.size == (512, 512, 37)
    assert scan.volume.geometry.spacing == pytest.approx((0.43, 0.43, 4.0))
    assert "6 mm (18 times), 4 mm (9 times)" in scan.warnings[0]
    for name, height in (("IM001.dcm", 0.0), ("IM010.dcm", 36.0), ("IM028.dcm", 144.0)):
        plane = pydicom.dcmread(folder / name).pixel_array
        assert np.array_equal(scan.volume.array[round(height / 4)], plane)
