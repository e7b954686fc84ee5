from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skullfix.errors import WeightsError
from skullfix.weights.card import FIELDS, LARGEST, check_card, read_card, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_good_card(card: dict[str, Any]) -> None:
    check_card(card | {"sha256": "a" * 64, "more": "kept"}, "here")
    check_card(card | {"sha256": "a" * 64, "spacing_mm": None, "thresholds": [0.5, 1]}, "here")


@pytest.mark.parametrize("cut", [0, 1, -0.5, 7, "half", None, [0.5], True, float("nan")])
def test_a_cut_that_is_none_is_refused(card: dict[str, Any], cut: object) -> None:
    check_card(card | {"sha256": "a" * 64, "cut": 0.4}, "here")
    with pytest.raises(WeightsError, match="cut must be a number between 0 and 1"):
        check_card(card | {"sha256": "a" * 64, "cut": cut}, "here")


@pytest.mark.parametrize("vaults", [0, -1, 2.5, "many", None, True])
def test_a_number_of_vaults_that_is_none_is_refused(card: dict[str, Any], vaults: object) -> None:
    check_card(card | {"sha256": "a" * 64, "vaults": 81}, "here")
    with pytest.raises(WeightsError, match="vaults must be a positive integer"):
        check_card(card | {"sha256": "a" * 64, "vaults": vaults}, "here")


def test_every_fault_is_named(card: dict[str, Any]) -> None:
    with pytest.raises(WeightsError) as caught:
        check_card({"name": "A", "channels": [1, True], "metrics": {}}, "here")
    for field in FIELDS.keys() - {"metrics"}:
        assert f"{field} must be" in caught.value.message
    assert "metrics must" not in caught.value.message


@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, VALUES)))
def test_any_json_is_judged_without_a_crash(card: dict[str, Any]) -> None:
    with pytest.raises(WeightsError):
        check_card(card, "here")


def test_missing_card(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"a\.json"):
        read_card(tmp_path / "a.safetensors")


def test_oversized_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"x": "x" * LARGEST}))
    with pytest.raises(WeightsError, match="larger"):
        read_json(path)
