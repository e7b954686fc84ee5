"""The shapes to learn from, as they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from skullfix.training.population import load_organs, load_shapes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two subjects, each with one mask of 12 x 10 x 8 full voxels of 0.5 mm off the origin."""
    values = np.zeros((20, 20, 20), np.uint8)
    values[4:12, 5:15, 6:18] = 1
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.5, 0.5, 0.5))
    for subject in ("a", "b"):
        (tmp_path / subject).mkdir()
        sitk.WriteImage(image, str(tmp_path / subject / "aorta.nii.gz"))
    (tmp_path / "complete_skull").mkdir()
    sitk.WriteImage(image, str(tmp_path / "complete_skull" / "1.nrrd"))
    return tmp_path


@pytest.mark.parametrize(("spacing", "shape"), [(0.45, (8, 10, 12)), (1.0, (4, 5, 6))])
def test_shapes_come_in_the_detail_that_is_asked_for(
    folder: Path, spacing: float, shape: tuple[int, int, int]
) -> None:
    told: list[float] = []
    (case,) = load_shapes(folder, ["1"], spacing, lambda _, done: told.append(done))
    assert case.whole.shape == case.implant.shape == shape
    assert bool((case.whole == 255).all())
    assert not case.implant.any()
    step = case.geometry.spacing[0]
    assert case.geometry.origin == pytest.approx([i * 0.5 + (step - 0.5) / 2 for i in (6, 5, 4)])
    assert told[-1] == 1.0
    organs = load_organs(folder, ["aorta"], spacing)
    assert [organ.name for organ in organs] == ["a/aorta", "b/aorta"]
    assert organs[0].whole.shape == shape
