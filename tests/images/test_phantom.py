from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from skullfix.images.phantom import Phantom, head_phantom


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return head_phantom(spacing=(1.5, 1.5, 1.5))


def _extent_mm(mask: np.ndarray, spacing: float) -> list[float]:
    return [float(np.ptp(index)) * spacing for index in np.nonzero(mask)]


def test_sizes_are_those_of_an_adult_head(phantom: Phantom) -> None:
    bone = phantom.bone.array
    _, length, width = _extent_mm(bone, 1.5)
    assert 165 < length < 195
    assert 130 < width < 150
    assert 450 < bone.sum() * phantom.bone.geometry.voxel_volume_ml < 800


def test_flap_is_a_piece_of_the_vault(phantom: Phantom) -> None:
    implant = phantom.implant.array
    assert not (implant & ~phantom.bone.array).any()
    assert 20 < implant.sum() * phantom.implant.geometry.voxel_volume_ml < 50
    assert ndimage.label(implant)[1] == 1
    _, length, _ = _extent_mm(implant, 1.5)
    assert 70 < length < 95
    wall = 2 * ndimage.distance_transform_edt(implant, sampling=1.5).max()
    assert 4.0 < wall < 11.0


def test_hounsfield_units_tell_the_tissues_apart(phantom: Phantom) -> None:
    ct, bone, implant = phantom.ct.array, phantom.bone.array, phantom.implant.array
    assert ct.dtype == np.int16
    assert 900 < np.percentile(ct[bone & ~implant], 90) < 1500
    assert abs(float(ct[implant].mean()) - 45) < 20
    assert ct[0, 0, 0] < -900
    outside_head = ct[~ndimage.binary_dilation(bone, iterations=20)]
    assert (outside_head > 150).any(), "the headrest is missing"


def test_threshold_finds_the_defective_skull(phantom: Phantom) -> None:
    found, pieces = ndimage.label(phantom.ct.array >= 150)
    sizes = ndimage.sum_labels(found > 0, found, np.arange(1, pieces + 1))
    largest = found == 1 + int(np.argmax(sizes))
    truth = phantom.bone.array & ~phantom.implant.array
    assert (
        2 * (largest & truth).sum() / (largest.sum() + truth.sum()) > 0.97
    )  # less the loose vertebra and jaw


def test_braincase_is_hollow_and_open_below(phantom: Phantom) -> None:
    bone = phantom.bone.array
    origin = np.array(phantom.bone.geometry.origin)[::-1]
    centre = np.rint(-origin / 1.5).astype(int)
    cavity, _ = ndimage.label(~ndimage.binary_dilation(bone, iterations=2))
    assert not bone[tuple(centre)]
    foramen = np.rint((np.array([-66.0, 27.0, 0.0]) - origin) / 1.5).astype(int)
    assert cavity[tuple(centre)] == cavity[tuple(foramen)] != 0


def test_same_seed_same_bytes_and_another_seed_another_head(phantom: Phantom) -> None:
    again = head_phantom(spacing=(1.5, 1.5, 1.5))
    other = head_phantom(spacing=(1.5, 1.5, 1.5), seed=1)
    assert np.array_equal(again.ct.array, phantom.ct.array)
    assert np.array_equal(again.implant.array, phantom.implant.array)
    assert not np.array_equal(other.bone.array, phantom.bone.array)


def test_without_defect_the_head_is_whole() -> None:
    whole = head_phantom(spacing=(2.0, 2.0, 3.0), defect=False)
    assert not whole.implant.array.any()
    assert (whole.ct.array[whole.bone.array] > 100).all()
    assert whole.ct.geometry.spacing == (2.0, 2.0, 3.0)
