"""NIfTI files as other programs write them."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from skullfix.images.read import read_scan
from skullfix.images.write import write_volume


def test_nifti_of_other_orders_units_and_slopes(tmp_path: Path) -> None:
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    header = nibabel.Nifti1Header(endianness=">")
    header.set_xyzt_units("meter")
    image = nibabel.Nifti1Image(array, np.diag([-0.001, -0.002, 0.003, 1]), header)
    image.header.set_slope_inter(0.5, -3)
    nibabel.save(image, tmp_path / "a.nii")
    scan = read_scan(tmp_path / "a.nii")
    assert np.allclose(scan.volume.geometry.spacing, (1, 2, 3))
    assert "metres" in scan.warnings[0]
    assert scan.volume.array.dtype.isnative
    write_volume(scan.volume, tmp_path / "b.nii.gz")
    again = read_scan(tmp_path / "b.nii.gz")
    assert np.array_equal(again.volume.array, scan.volume.array)


def test_nifti_without_orientation(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((3, 4, 5), np.uint8), None)
    image.header["pixdim"][1:4] = 2
    image.header["sform_code"] = image.header["qform_code"] = 0
    nibabel.save(image, tmp_path / "a.nii")
    scan = read_scan(tmp_path / "a.nii")
    assert "does not say how it is oriented" in scan.warnings[0]


@pytest.mark.real
def test_directions_that_itk_refuses(real_data: Path) -> None:
    path = real_data / "head_ct" / "skull_base_nonorthonormal.nii.gz"
    with pytest.raises(RuntimeError, match="orthonormal"):
        sitk.ReadImage(str(path))
    scan = read_scan(path)
    assert "0.0073 degrees" in scan.warnings[0]
    affine = np.diag([-1, -1, 1, 1]) @ nibabel.load(path).affine
    corners = np.array([[0, 0, 0, 1], [184, 127, 100, 1]]).T
    assert np.abs((scan.volume.geometry.affine() - affine) @ corners).max() < 0.05  # mm
    assert np.array_equal(
        scan.volume.array.transpose(2, 1, 0), np.asarray(nibabel.load(path).dataobj)
    )
