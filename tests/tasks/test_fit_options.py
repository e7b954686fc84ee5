"""The fitting's options as a person gives them."""

from __future__ import annotations

from typing import Any

import pytest

from skullfix.errors import UsageError
from skullfix.implants.holes import HolePattern
from skullfix.tasks.fit import fit_options

PLAIN: dict[str, Any] = {
    "clearance_mm": 0.0,
    "min_thickness_mm": None,
    "thicken": False,
    "smooth_mm": 0.0,
    "edge": "straight",
    "holes": None,
    "insertion": "auto",
    "fix_undercuts": False,
    "decimate_mm": 0.0,
}


def test_texts_become_values() -> None:
    options = fit_options(**{**PLAIN, "holes": "3@12", "insertion": "0,-1,0.5"})
    assert options is not None
    assert options.holes == HolePattern(3.0, 12.0)
    assert options.insertion == (0.0, -1.0, 0.5)
    assert options.clearance_mm == 0.0


@pytest.mark.parametrize(
    "change",
    [
        {"holes": "3x12"},
        {"insertion": "1,2"},
        {"insertion": "a,b,c"},
        {"clearance_mm": 50.0},
        {"clearance_mm": -0.1},
        {"clearance_mm": float("nan")},
        {"smooth_mm": 6.0},
        {"min_thickness_mm": 11.0},
        {"decimate_mm": -0.01},
        {"thicken": True},
        {"edge": "round"},
    ],
)
def test_what_is_not_understood_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refusal:
        fit_options(**{**PLAIN, **change})
    assert refusal.value.hint
