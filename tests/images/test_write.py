from __future__ import annotations

import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from image_helpers import WRITTEN, make_geometry, oblique

from skullfix.errors import OutputError
from skullfix.images.nrrd_vectors import read_vectors, representable, space_vectors
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
)
def test_voxels_come_back(tmp_path: Path, suffix: str, dtype: str) -> None:
    array = np.random.default_rng(0).integers(0, 100, (7, 6, 5)).astype(dtype)
    path = tmp_path / f"a.b{suffix}"
    write_volume(Volume(array, make_geometry(direction=oblique(1))), path)
    scan = read_scan(path)
    assert np.array_equal(scan.volume.array, array)
    assert (scan.stem, scan.suffix, scan.warnings) == ("a.b", suffix, ())
    if dtype == "bool":
        assert scan.volume.array.dtype == np.uint8
    assert not [item for item in tmp_path.iterdir() if "tmp" in item.name]


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("seed", range(8))
def test_other_readers_see_the_same_grid(tmp_path: Path, suffix: str, seed: int) -> None:
    geometry = make_geometry(direction=oblique(seed))
    path = tmp_path / f"a{suffix}"
    write_volume(Volume(np.zeros((7, 6, 5), np.uint8), geometry), path)
    image = sitk.ReadImage(str(path))
    assert image.GetSize() == geometry.size
    for ours, theirs in (
        (geometry.spacing, image.GetSpacing()),
        (geometry.origin, image.GetOrigin()),
        (geometry.direction, image.GetDirection()),
    ):
        tolerance = 1e-5 if "nii" in suffix else 1e-15
        assert np.allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    found = read_scan(path).volume.geometry
    if suffix == ".mha":
        assert found == geometry
    if "nii" not in suffix:
        assert (found.spacing, found.origin, found.direction) == (
            image.GetSpacing(), image.GetOrigin(), image.GetDirection(),
        )  # fmt: skip
    else:
        affine = np.diag([-1, -1, 1, 1]) @ nibabel.load(path).affine
        assert np.array_equal(affine, affine.astype(np.float32))
        assert np.allclose(found.affine(), affine, rtol=0, atol=1e-12)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    spacing=st.tuples(*[st.floats(0.1, 5.0)] * 3),
    origin=st.tuples(*[st.floats(-500.0, 500.0)] * 3),
)
def test_a_grid_that_was_read_is_written_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    spacing: tuple[float, float, float],
    origin: tuple[float, float, float],
) -> None:
    folder = tmp_path_factory.mktemp("grid")
    array = np.zeros((2, 2, 2), np.uint8)
    first = make_geometry((2, 2, 2), spacing, origin, oblique(seed))
    for suffix in WRITTEN:
        path = folder / f"a{suffix}"
        write_volume(Volume(array, first), path)
        read = read_scan(path).volume.geometry
        write_volume(Volume(array, read), path)
        assert read_scan(path).volume.geometry == read
        if suffix == ".nrrd":
            assert read == representable(first)
            assert representable(read) == read


def test_vectors_of_another_writer_are_found_again() -> None:
    rng = np.random.default_rng(5)
    for _ in range(500):
        vectors = rng.normal(size=(3, 3))
        spacing, axes = read_vectors(vectors)
        geometry = make_geometry(spacing=tuple(spacing.tolist()), direction=axes.T)
        again, again_axes = read_vectors(space_vectors(geometry))
        assert np.array_equal(again, spacing)
        assert np.array_equal(again_axes, axes)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_same_bytes_every_time(tmp_path: Path, suffix: str) -> None:
    mask = Volume(np.arange(210).reshape(7, 6, 5) % 3 == 0, make_geometry())
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_volume(mask, folder / f"a{suffix}")
        found.append([item.read_bytes() for item in sorted(folder.iterdir())])
        time.sleep(1.1 if number == 0 and suffix == ".nii.gz" else 0)
    assert found[0] == found[1]


def test_refusals_leave_nothing(tmp_path: Path) -> None:
    mask = Volume(np.zeros((7, 6, 5), bool), make_geometry())
    with pytest.raises(OutputError, match="suffix"):
        write_volume(mask, tmp_path / "a.png")
    with pytest.raises(OutputError, match="suffix"):
        write_volume(mask, tmp_path / "a.nhdr")
    with pytest.raises(OutputError, match="cannot be written"):
        write_volume(mask, tmp_path / "missing" / "a.nrrd")
    (tmp_path / "b.nrrd").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_volume(mask, tmp_path / "b.nrrd")
    with pytest.raises(TypeError, match="complex"):
        write_volume(Volume(np.zeros((7, 6, 5), complex), make_geometry()), tmp_path / "a.nrrd")
    assert [item.name for item in tmp_path.iterdir()] == ["b.nrrd"]


def test_a_full_size_mask_is_read_and_written(tmp_path: Path) -> None:
    z, y, x = np.ogrid[-1:1:240j, -1:1:512j, -1:1:512j]
    radius = np.sqrt(z**2 + y**2 + x**2)
    mask = Volume((radius > 0.8) & (radius < 0.9), make_geometry((512, 512, 240)))
    for suffix in (".nrrd", ".nii.gz", ".mha"):
        write_volume(mask, tmp_path / f"a{suffix}")
        assert np.count_nonzero(read_scan(tmp_path / f"a{suffix}").volume.array) > 1000


@pytest.mark.real
def test_every_real_grid_survives(real_data: Path, tmp_path: Path) -> None:
    paths = [
        *sorted((real_data / "autoimplant" / "implant").glob("*.nrrd"))[:6],
        *sorted((real_data / "organs").glob("*/*.nii.gz")),
        *sorted((real_data / "synthseg_skulls").glob("*.nii.gz"))[:3],
        real_data / "head_ct" / "unc_cadaver.nrrd",
        real_data / "head_ct" / "skull_base_nonorthonormal.nii.gz",
        real_data / "head_ct" / "dicom_thick_uneven",
    ]
    for path in paths:
        scan = read_scan(path)
        copy = tmp_path / f"copy{scan.suffix}"
        write_volume(scan.volume, copy)
        again = read_scan(copy)
        assert again.volume.geometry == scan.volume.geometry, path
        assert np.array_equal(again.volume.array, scan.volume.array)
        assert again.warnings == ()
        if path.suffix == ".nrrd":
            ours, theirs = sitk.ReadImage(str(copy)), sitk.ReadImage(str(path))
            assert ours.GetSpacing() == theirs.GetSpacing()
            assert ours.GetOrigin() == theirs.GetOrigin()
            assert ours.GetDirection() == theirs.GetDirection()
