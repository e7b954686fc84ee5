from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_fill_holes, distance_transform_edt

from skullfix.evaluation.metrics import dice
from skullfix.images.resample import LPS_AXES
from skullfix.images.volume import Geometry, Volume
from skullfix.rim.level import levelled


def _plate(raised_by: float, spacing: float = 0.5) -> tuple[Volume, Volume, np.ndarray]:
    """A shell of bone 5 mm thick with a round hole, an implant that lies higher, the true one.

    It lies askew, so that the steps of the voxels are not the same all around the rim.
    """
    count = round(80 / spacing)
    grid = Geometry((count,) * 3, (spacing,) * 3, (7.3, 7.9, 8.3), LPS_AXES)
    z, y, x = np.meshgrid(
        *(np.arange(count) * spacing + o for o in grid.origin[::-1]), indexing="ij"
    )
    far = np.sqrt(x**2 + y**2 + z**2)
    missing = (0.55 * x + 0.6 * y + 0.58 * z) / np.sqrt(0.9989) > np.cos(0.26) * far
    whole = np.abs(far - 75) < 2.5
    bone = whole & ~missing
    implant = (np.abs(far - raised_by - 75) < 2.5) & missing
    return Volume(bone, grid), Volume(implant, grid), whole & missing


@pytest.mark.parametrize("raised_by", [0.4, -0.4, 0.8])
def test_a_step_at_the_rim_goes(raised_by: float) -> None:
    bone, implant, truth = _plate(raised_by)
    found = levelled(implant, bone)
    assert found.geometry == bone.geometry
    assert found.array.dtype == bool
    assert not (found.array & bone.array).any()
    before, after = dice(implant.array, truth), dice(found.array, truth)
    assert after > before + 0.5 * (1 - before)


def test_an_implant_that_fits_stays() -> None:
    bone, implant, truth = _plate(0.0)
    assert dice(levelled(implant, bone).array, truth) > 0.99


@pytest.mark.parametrize("spacing", [0.5, 0.8, 1.0])
def test_a_groove_along_the_rim_moves_little(spacing: float) -> None:
    bone, implant, truth = _plate(0.0, spacing)
    near = distance_transform_edt(~bone.array) * spacing
    deep = distance_transform_edt(implant.array | bone.array) * spacing > 1.5
    grooved = implant.array & (deep | (near > 1.5))
    found = levelled(Volume(grooved, bone.geometry), bone)
    assert dice(found.array & (near > 4), truth & (near > 4)) > 0.94


@pytest.mark.parametrize(("spacing", "gained"), [(1.0, 0.3), (1.5, 0.3), (2.0, 0.0), (3.0, 0.0)])
def test_longer_voxels_tell_less_but_nothing_wrong(spacing: float, gained: float) -> None:
    bone, implant, truth = _plate(0.8, spacing)
    before, after = dice(implant.array, truth), dice(levelled(implant, bone).array, truth)
    assert after >= before + gained * (1 - before)
    bone, implant, truth = _plate(0.0, spacing)
    assert dice(levelled(implant, bone).array, truth) > 0.99


def test_no_pit_of_a_voxel_is_left_inside() -> None:
    bone, implant, _ = _plate(-0.8)
    surface = implant.array & binary_dilation(~implant.array & ~bone.array)
    pits = np.argwhere(surface)[::31]
    rough = implant.array.copy()
    rough[tuple(pits.T)] = False
    found = levelled(Volume(rough, implant.geometry), bone).array
    whole = found | bone.array
    assert np.count_nonzero(binary_fill_holes(whole) & ~whole) < 0.05 * len(pits)


def test_the_order_of_the_axes_does_not_matter() -> None:
    bone, implant, _ = _plate(0.6)
    turned = Geometry(
        bone.geometry.size[::-1],
        bone.geometry.spacing,
        bone.geometry.origin,
        (0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
    )
    other = levelled(
        Volume(implant.array.transpose(2, 1, 0), turned),
        Volume(bone.array.transpose(2, 1, 0), turned),
    )
    same = levelled(implant, bone).array
    np.testing.assert_array_equal(other.array.transpose(2, 1, 0), same)


def test_nothing_stays_nothing() -> None:
    bone, implant, _ = _plate(0.0)
    empty = Volume(np.zeros_like(implant.array), bone.geometry)
    assert not levelled(empty, bone).array.any()


def test_an_implant_without_bone_near_is_left_alone() -> None:
    bone, implant, _ = _plate(0.5)
    alone = Volume(np.zeros_like(bone.array), bone.geometry)
    np.testing.assert_array_equal(levelled(implant, alone).array, implant.array)
