"""Defects cut at full resolution."""

from __future__ import annotations

import numpy as np
import pytest

from skullfix.cases.defects import FAMILIES
from skullfix.cases.simulate import simulate_defect
from skullfix.errors import InputError, UsageError
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume


@pytest.fixture(scope="module")
def skull() -> Volume:
    return head_phantom(spacing=(1.5, 1.5, 1.5), defect=False).bone


@pytest.mark.parametrize("family", FAMILIES)
def test_both_parts_make_the_skull_again(skull: Volume, family: str) -> None:
    case = simulate_defect(skull, 3, family=family)
    assert case.family == family
    assert not (case.defective.array & case.implant.array).any()
    np.testing.assert_array_equal(case.defective.array | case.implant.array, skull.array)
    volume = np.count_nonzero(case.implant.array) * skull.geometry.voxel_volume_ml
    assert 6 < volume < 165


def test_a_seed_decides(skull: Volume) -> None:
    first, again, other = (simulate_defect(skull, seed).implant.array for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_cannot_be_cut_is_refused(skull: Volume) -> None:
    with pytest.raises(UsageError, match="family"):
        simulate_defect(skull, 0, family="nose")
    with pytest.raises(UsageError, match="range"):
        simulate_defect(skull, 0, volume_range_ml=(9.0, 8.0))
    with pytest.raises(InputError, match="could be cut"):
        simulate_defect(skull, 0, volume_range_ml=(3000.0, 3001.0))
    with pytest.raises(InputError, match="empty"):
        simulate_defect(Volume(np.zeros_like(skull.array), skull.geometry), 0)
