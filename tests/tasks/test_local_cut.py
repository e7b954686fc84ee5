"""The cut is lowered where the network is sure of bone but not of its place, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skullfix.tasks.local_cut import LOWEST, local_cut

SIDE, CUT, SPACING = 48, 0.475, 1.8


def plate(occupancy: float, thick: int) -> tuple[np.ndarray, np.ndarray]:
    """A plate of missing bone in a plate of bone, (implant, bone)."""
    both = np.zeros((SIDE, SIDE, SIDE), np.float32)
    both[20 : 20 + thick] = 1
    implant = np.zeros_like(both)
    implant[20 : 20 + thick, 12:36, 12:36] = occupancy
    bone = both.copy()
    bone[:, 12:36, 12:36] = 0
    return implant, bone


def test_a_certain_answer_keeps_the_cut() -> None:
    cuts = local_cut(*plate(0.9, 3), CUT, SPACING)
    assert np.all(cuts == np.float32(CUT))


def test_a_spread_answer_is_filled() -> None:
    implant, bone = plate(0.42, 6)
    cuts = local_cut(implant, bone, CUT, SPACING)
    inner = np.s_[20:26, 16:32, 16:32]
    assert np.all(cuts[inner] < 0.42)
    assert np.count_nonzero(implant + bone > CUT) == np.count_nonzero(bone)
    assert np.all((implant + bone > cuts)[inner])
    assert cuts[5, 24, 24] == pytest.approx(CUT)  # far from it


def test_a_faint_answer_stays_a_hole() -> None:
    cuts = local_cut(*plate(0.09, 6), CUT, SPACING)
    assert np.all(cuts == np.float32(CUT))


@settings(max_examples=20)
@given(
    occupancy=st.floats(0, 1, width=32),
    thick=st.integers(1, 8),
    cut=st.floats(0.2, 0.8),
    spacing=st.floats(0.9, 4),
)
def test_the_cut_is_lowered_within_its_bounds(
    occupancy: float, thick: int, cut: float, spacing: float
) -> None:
    cuts = local_cut(*plate(occupancy, thick), cut, spacing)
    assert cuts.dtype == np.float32
    assert float(cuts.min()) >= min(cut, LOWEST) - 1e-6
    assert float(cuts.max()) <= cut + 1e-6
