"""Random defects: their volume, their determinism, what they take."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from skullfix.cases.defects import FAMILIES, VOLUME_RANGE_ML, random_defect

SPACING = 5.0


def shell() -> tuple[np.ndarray, np.ndarray]:
    """Voxel centres (LPS mm) and occupancies of a hollow ball of 80 mm, at SPACING."""
    points = np.argwhere(np.ones((36, 36, 36)))[:, ::-1] * SPACING + [-88.0, -90.0, 10.0]
    away = np.linalg.norm(points - points.mean(0), axis=1)
    full = np.clip(0.5 - (np.abs(away - 76) - 4) / SPACING, 0, 1).astype(np.float32)
    return points[full > 0].astype(np.float32), full[full > 0]


POINTS, FRACTIONS = shell()


@pytest.mark.parametrize("family", FAMILIES)
def test_families_stay_in_their_range(family: str) -> None:
    drawn = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        defect = random_defect(POINTS, FRACTIONS, SPACING, rng, family)
        if defect is None:
            continue
        drawn += 1
        assert defect.family == family
        volume = float(defect.removed(POINTS, SPACING) @ FRACTIONS) * 0.125
        assert VOLUME_RANGE_ML[0] <= volume <= VOLUME_RANGE_ML[1]
    assert drawn >= 4


@hypothesis.settings(max_examples=25)
@hypothesis.given(seed=st.integers(0, 2**32), spacing=st.floats(0.3, 8))
def test_what_is_removed_is_a_fraction_and_a_seed_decides(seed: int, spacing: float) -> None:
    draws = [
        random_defect(POINTS, FRACTIONS, SPACING, np.random.default_rng(seed)) for _ in range(2)
    ]
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
    assert random_defect(POINTS, FRACTIONS, SPACING, rng, volume_range_ml=(1e6, 2e6)) is None
