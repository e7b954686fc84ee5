from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_helpers import make_geometry

from skullfix.errors import InputError
from skullfix.images.bone import extract_bone
from skullfix.images.hounsfield import hounsfield
from skullfix.images.read import read_scan
from skullfix.images.threshold import auto_threshold
from skullfix.images.volume import Volume

Array = np.ndarray[Any, Any]
STEP = 2.5  # mm


def patient(hole: bool = True, noise: float = 20.0) -> tuple[Volume, Array, Array]:
    """A round head with a hole in its vault, on a table with a headrest; bone and clutter."""
    z, y, x = (np.indices((80, 96, 80)) * STEP).astype(np.float32)
    radius = np.sqrt((z - 100) ** 2 + (y - 100) ** 2 + (x - 100) ** 2)
    array = np.full(radius.shape, -1000.0, np.float32)
    array[radius < 88] = 40.0
    bone = (radius > 74) & (radius < 81)
    if hole:
        bone &= ~((np.hypot(y - 60, x - 130) < 30) & (z > 110))
    jaw = (np.hypot(z - 28, y - 40) < 9) & (np.abs(x - 100) < 30) & (radius < 120)
    jaw &= radius > 84
    bone |= jaw
    array[np.hypot(z - 28, y - 40) < 14] = 40.0
    array[bone] = 1000.0
    table = (np.abs(y - 225) < 4) & (np.abs(x - 100) < 90)
    rest = (np.abs(np.hypot(y - 100, x - 100) - 106) < 3) & (y > 130)
    wire = (np.hypot(y - 150, x - 15) < 3) & (z > 10)
    clutter = table | rest | wire
    array[clutter & ~bone] = 300.0
    array += np.random.default_rng(0).normal(0, noise, array.shape).astype(np.float32)
    grid = make_geometry((80, 96, 80), (STEP, STEP, STEP), (0.0, 0.0, 0.0))
    return Volume(np.rint(array).astype(np.int16), grid), bone, clutter & ~bone


def test_the_head_stays_and_the_clutter_goes() -> None:
    ct, bone, clutter = patient()
    found, warnings = extract_bone(ct)
    assert found.array.dtype == np.bool_
    assert found.geometry == ct.geometry
    assert np.array_equal(found.array, bone)  # the hole is open, the jaw is there
    assert not (found.array & clutter).any()
    assert "not part of the skull" in warnings[0]


def test_every_orientation_gives_the_same_bone() -> None:
    ct, bone, _ = patient()
    for axes, flips in (((2, 0, 1), (0,)), ((1, 2, 0), (1, 2)), ((0, 2, 1), ())):
        turned = np.flip(ct.array.transpose(axes), flips)
        size = (turned.shape[2], turned.shape[1], turned.shape[0])
        found, _ = extract_bone(Volume(turned, make_geometry(size, (STEP, STEP, STEP))))
        assert np.array_equal(found.array, np.flip(bone.transpose(axes), flips))


@pytest.mark.parametrize("offset", [1000, 1024])
def test_a_ct_without_its_offset(offset: int) -> None:
    ct, bone, _ = patient()
    stored = Volume(np.clip(ct.array + offset, 0, None).astype(np.uint16), ct.geometry)
    found, warnings = extract_bone(stored)
    assert np.array_equal(found.array, bone)
    assert f"{offset} was subtracted" in warnings[0]


def test_voxels_that_are_not_finite() -> None:
    ct, bone, _ = patient()
    array = ct.array.astype(np.float32)
    array[:, :5] = np.nan
    array[0, 10, 10] = np.inf
    found, warnings = extract_bone(Volume(array, ct.geometry))
    assert np.array_equal(found.array, bone)
    assert f"{80 * 5 * 80 + 1:,} voxels" in warnings[0]
    array[:] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        extract_bone(Volume(array, ct.geometry))


def test_a_dry_skull() -> None:
    ct, bone, _ = patient()
    array = np.where(bone, 1000, -1000).astype(np.int16)
    found, _ = extract_bone(Volume(array, ct.geometry))
    assert np.array_equal(found.array, bone)


def test_what_is_no_ct_of_a_head() -> None:
    ct, _, _ = patient()
    with pytest.raises(InputError, match="ml of bone") as caught:
        extract_bone(Volume(np.minimum(ct.array, 100), ct.geometry))
    assert caught.value.hint
    mri = Volume((np.abs(ct.array) // 4).astype(np.int16), ct.geometry)
    with pytest.raises(InputError, match="not Hounsfield units"):
        extract_bone(mri)


def test_a_ct_in_hounsfield_units_is_not_touched() -> None:
    ct, _, _ = patient()
    same, warnings = hounsfield(ct)
    assert same.array is ct.array
    assert warnings == ()


@pytest.mark.real
def test_a_real_head(real_data: Path) -> None:
    ct = read_scan(real_data / "head_ct" / "unc_cadaver.nrrd").volume
    found, warnings = extract_bone(ct)
    volume = np.count_nonzero(found.array) * ct.geometry.voxel_volume_ml
    assert 925 < volume < 945  # with jaw and neck; 940 ml in all lie above 150 HU
    assert "not part of the skull" in warnings[0]
    # The headrest and the table are behind y = 235; the skull ends before.
    assert not found.array[:, 235:].any()
    assert (ct.array[:, 235:] >= 150).any()
    # In the vault everything above the threshold is bone.
    vault = np.s_[85:113, 20:225]
    assert np.mean(found.array[vault][ct.array[vault] >= 300]) > 0.999


@pytest.mark.real
def test_a_craniectomy_stays_open(real_data: Path) -> None:
    ct = read_scan(real_data / "head_ct" / "unc_cadaver.nrrd").volume
    whole, _ = extract_bone(ct)
    z, y, x = np.indices(ct.array.shape)
    hole = np.sqrt((2 * (z - 95)) ** 2 + (y - 150) ** 2 + (x - 150) ** 2) < 40
    opened = np.where(hole & (ct.array > 60), np.int16(40), ct.array)
    found, _ = extract_bone(Volume(opened, ct.geometry))
    assert np.count_nonzero(whole.array & hole) > 5000
    assert not (found.array & hole).any()
    differing = (found.array != whole.array) & ~hole
    assert np.count_nonzero(differing) < 50


@pytest.mark.parametrize(("noise", "low", "high"), [(5, 120, 120), (30, 140, 185), (60, 250, 310)])
def test_the_automatic_threshold_follows_the_noise(noise: float, low: float, high: float) -> None:
    ct, bone, _ = patient(noise=noise)
    assert low <= auto_threshold(ct.array) <= high
    found, warnings = extract_bone(ct, threshold="auto")
    assert "by the histogram" in warnings[0]
    differing = np.count_nonzero(found.array != bone)
    assert differing < 0.01 * np.count_nonzero(bone)


def test_no_peak_no_automatic_threshold() -> None:
    assert auto_threshold(np.full((20, 20, 20), -1000, np.int16)) == 150.0
