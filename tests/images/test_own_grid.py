"""What is read from a grid that is not right-angled can be written on that very grid."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from image_helpers import WRITTEN, make_geometry, oblique

from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume


@pytest.mark.parametrize("suffix", WRITTEN)
def test_the_files_own_grid_comes_back(tmp_path: Path, suffix: str) -> None:
    skewed = oblique(3) + np.array([[0, 2e-3, 0], [0, 0, 0], [0, 0, 0]])
    skewed /= np.linalg.norm(skewed, axis=0)
    array = np.arange(210, dtype=np.int16).reshape(7, 6, 5)
    write_volume(Volume(array, make_geometry(direction=skewed)), tmp_path / f"first{suffix}")
    scan = read_scan(tmp_path / f"first{suffix}")
    assert any("right angles" in text for text in scan.warnings)
    axes = np.reshape(scan.volume.geometry.direction, (3, 3))
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    assert scan.own_grid is not None
    write_volume(Volume(scan.volume.array, scan.own_grid), tmp_path / f"second{suffix}")
    again = read_scan(tmp_path / f"second{suffix}")
    assert again.own_grid == scan.own_grid
    assert again.volume.geometry == scan.volume.geometry
    if suffix in (".nii", ".nii.gz"):
        first, second = (
            nibabel.load(tmp_path / f"{n}{suffix}").affine for n in ("first", "second")
        )
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_right_angled_grid_is_its_own(tmp_path: Path, suffix: str) -> None:
    array = np.arange(210, dtype=np.int16).reshape(7, 6, 5)
    write_volume(Volume(array, make_geometry(direction=oblique(3))), tmp_path / f"x{suffix}")
    assert read_scan(tmp_path / f"x{suffix}").own_grid is None
