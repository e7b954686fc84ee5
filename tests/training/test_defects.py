"""Random defects: their volume, their determinism, what they take."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from skulls import case

from skullfix.training.augment import sample_head
from skullfix.training.defects import FAMILIES, VOLUME_RANGE_ML, random_defect

HEAD = sample_head(case(), 5.0)
POINTS, FRACTIONS = HEAD.points(), HEAD.skull.numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_families_stay_in_their_range(family: str) -> None:
    drawn = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        defect = random_defect(POINTS, FRACTIONS, 5.0, rng, family)
        if defect is None:
            continue
        drawn += 1
        assert defect.family == family
        volume = float(defect.removed(POINTS, 5.0) @ FRACTIONS) * 0.125
        assert VOLUME_RANGE_ML[0] <= volume <= VOLUME_RANGE_ML[1]
    assert drawn >= 4


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32), spacing=st.floats(0.3, 8))
def test_what_is_removed_is_a_fraction_and_a_seed_decides(seed: int, spacing: float) -> None:
    draws = [random_defect(POINTS, FRACTIONS, 5.0, np.random.default_rng(seed)) for _ in range(2)]
    hypothesis.assume(draws[0] is not None)
    removed = [defect.removed(POINTS, spacing) for defect in draws]
    assert removed[0].dtype == np.float32
    assert np.isfinite(removed[0]).all()
    assert removed[0].min() >= 0
    assert removed[0].max() <= 1
    assert np.array_equal(*removed)
    assert draws[0].family == draws[1].family in FAMILIES


def test_no_draw_meets_an_impossible_range() -> None:
    rng = np.random.default_rng(0)
    assert random_defect(POINTS, FRACTIONS, 5.0, rng, volume_range_ml=(1e6, 2e6)) is None
