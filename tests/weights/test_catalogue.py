from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skullfix.errors import WeightsError
from skullfix.weights.catalogue import (
    Catalogue,
    Entry,
    read_catalogue,
    split_reference,
    version_key,
    write_catalogue,
)
from skullfix.weights.library import Library, released_folder
from skullfix.weights.resolve import listed

GOOD = {
    "name": "small",
    "version": "1",
    "task": "complete",
    "architecture": "table1-ch1",
    "spacing_mm": 0.9,
    "file": "small-1.safetensors",
    "size": 10,
    "sha256": "0" * 64,
    "licence": "CC0-1.0",
    "metrics": {},
    "default": True,
}


def written(folder: Path, *items: Any, **document: Any) -> Path:
    whole = {"schema": 1, "checkpoints": list(items)} | document
    (folder / "catalogue.json").write_text(json.dumps(whole))
    return folder


def test_folder_without_a_catalogue_is_empty(tmp_path: Path) -> None:
    assert read_catalogue(tmp_path) == Catalogue()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    catalogue = Catalogue(
        (Entry(**GOOD), Entry(**GOOD | {"name": "b", "file": "b-1.safetensors", "default": False}))
    )
    write_catalogue(tmp_path, catalogue)
    assert read_catalogue(tmp_path) == catalogue
    assert [path.name for path in tmp_path.iterdir()] == ["catalogue.json"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../up"),
        ("version", "1/2"),
        ("file", "../../etc/passwd"),
        ("file", "small-2.safetensors"),
        ("size", 0),
        ("size", "10"),
        ("size", True),
        ("sha256", "0" * 63),
        ("sha256", "G" * 64),
        ("spacing_mm", -1),
        ("metrics", []),
        ("default", 1),
        ("licence", ""),
    ],
)
def test_unusable_entry(key: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=key):
        read_catalogue(written(tmp_path, GOOD | {key: value}))


@pytest.mark.parametrize("key", sorted(GOOD))
def test_missing_field(key: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=key):
        read_catalogue(written(tmp_path, {k: v for k, v in GOOD.items() if k != key}))


def test_newer_schema(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="schema 2") as caught:
        read_catalogue(written(tmp_path, schema=2))
    assert "Update" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": NaN}', "\udcff", "[" * 100_000])
def test_damaged_catalogue(text: str, tmp_path: Path) -> None:
    (tmp_path / "catalogue.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(WeightsError):
        read_catalogue(tmp_path)


def test_twice_the_same(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="small@1"):
        read_catalogue(written(tmp_path, GOOD, GOOD | {"default": False}))


def test_two_defaults(tmp_path: Path) -> None:
    other = GOOD | {"version": "2", "file": "small-2.safetensors"}
    with pytest.raises(WeightsError, match="default for complete"):
        read_catalogue(written(tmp_path, GOOD, other))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
def test_versions_are_ordered_as_numbers(parts: list[int]) -> None:
    assert version_key(".".join(map(str, parts))) == tuple(parts)


@given(st.text())
def test_a_reference_is_split_or_refused(reference: str) -> None:
    try:
        name, version = split_reference(reference)
    except WeightsError:
        return
    assert reference == (name if version is None else f"{name}@{version}")
    assert not set("/\\ \n") & set(reference)


def test_released_catalogue_and_its_cards_agree() -> None:
    from skullfix.weights.card import read_card

    folder = released_folder()
    assert (folder / "LICENSE.md").is_file()
    for item in listed(Library(folder, folder / "absent")):
        card = read_card(folder / item.entry.file)
        assert (card["name"], card["version"]) == (item.entry.name, item.entry.version)
        assert card["sha256"] == item.entry.sha256
        assert card["licence"] == item.entry.licence
