"""Bone taken with less memory is the same but for specks."""

from __future__ import annotations

import numpy as np
import pytest

from skullfix.errors import InputError
from skullfix.images.bone import extract_bone
from skullfix.images.bone_in_parts import extract_bone_in_parts
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Geometry, Volume


@pytest.mark.parametrize("spacing", [(0.6, 2.2, 2.5), (2.6, 0.5, 2.4), (2.4, 2.4, 0.4)])
def test_nearly_the_same_bone(spacing: tuple[float, float, float]) -> None:
    ct = head_phantom(spacing=spacing).ct
    array = ct.array[1:, 1:, 1:]  # sides that are no whole number of blocks
    size = (array.shape[2], array.shape[1], array.shape[0])
    ct = Volume(array, Geometry(size, spacing, (1.0, 2.0, 3.0), ct.geometry.direction))
    expected, _ = extract_bone(ct)
    found, warnings = extract_bone_in_parts(ct)
    assert found.geometry == ct.geometry
    both = np.count_nonzero(found.array & expected.array)
    assert both > 0.99 * np.count_nonzero(expected.array)
    assert both > 0.99 * np.count_nonzero(found.array)
    assert any("not part of the skull" in text for text in warnings)


def test_the_threshold_is_that_of_the_whole_scan() -> None:
    ct = head_phantom(spacing=(0.6, 2.4, 2.4)).ct
    expected, said = extract_bone(ct, threshold="auto")
    found, told = extract_bone_in_parts(ct, threshold="auto")
    assert said[0] == told[0]
    assert not found.array[ct.array < int(said[0].split("set to ")[1].split(" HU")[0])].any()
    assert np.count_nonzero(found.array & expected.array) > 0.99 * np.count_nonzero(expected.array)


def test_a_coarse_scan_is_taken_whole() -> None:
    ct = head_phantom(spacing=(2.5, 2.5, 2.5)).ct
    np.testing.assert_array_equal(extract_bone_in_parts(ct)[0].array, extract_bone(ct)[0].array)


def test_what_is_no_head_is_refused() -> None:
    grid = Geometry((60, 60, 60), (0.4, 0.4, 0.4), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    with pytest.raises(InputError, match="ml of bone"):
        extract_bone_in_parts(Volume(np.full((60, 60, 60), -1000, np.int16), grid))
