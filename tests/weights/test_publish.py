from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skullfix.errors import OutputError, UsageError, WeightsError
from skullfix.weights.catalogue import read_catalogue
from skullfix.weights.digest import sha256_of
from skullfix.weights.library import Library
from skullfix.weights.publish import publish_checkpoint
from skullfix.weights.remove import remove_checkpoint
from skullfix.weights.resolve import find
from skullfix.weights.shapes import tensor_shapes


def test_figures_are_computed(checkpoint: Path, card: dict[str, Any], tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    entry = publish_checkpoint(checkpoint, card | {"sha256": "typed by hand"}, shelf)
    assert entry.sha256 == sha256_of(checkpoint) == sha256_of(shelf / "small-1.safetensors")
    assert entry.size == checkpoint.stat().st_size
    assert json.loads((shelf / "small-1.json").read_text())["sha256"] == entry.sha256
    assert read_catalogue(shelf).entries == (entry,)
    assert len(list(shelf.iterdir())) == 3


def test_again_is_the_same(checkpoint: Path, card: dict[str, Any], tmp_path: Path) -> None:
    first = publish_checkpoint(checkpoint, card, tmp_path)
    assert publish_checkpoint(tmp_path / first.file, card, tmp_path) == first
    assert len(read_catalogue(tmp_path).entries) == 1


def test_other_bytes_under_a_taken_version(
    checkpoint: Path, card: dict[str, Any], tmp_path: Path
) -> None:
    publish_checkpoint(checkpoint, card, tmp_path)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1] + b"\x01")
    with pytest.raises(OutputError) as caught:
        publish_checkpoint(checkpoint, card, tmp_path)
    assert "higher version" in caught.value.hint


def test_one_default_a_task(checkpoint: Path, card: dict[str, Any], tmp_path: Path) -> None:
    publish_checkpoint(checkpoint, card, tmp_path, default=True)
    publish_checkpoint(checkpoint, card | {"version": "2"}, tmp_path, default=True)
    publish_checkpoint(checkpoint, card | {"task": "refine", "name": "r"}, tmp_path, default=True)
    found = {entry.reference: entry.default for entry in read_catalogue(tmp_path).entries}
    assert found == {"small@1": False, "small@2": True, "r@1": True}


def test_no_safetensors_file(tmp_path: Path, card: dict[str, Any]) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(WeightsError, match="no usable safetensors"):
        publish_checkpoint(tmp_path / "a.safetensors", card, tmp_path / "shelf")
    assert not (tmp_path / "shelf").exists()


def test_shapes(checkpoint: Path, tmp_path: Path) -> None:
    assert tensor_shapes(checkpoint) == {"noise": (100, 1000)}
    with pytest.raises(WeightsError):
        tensor_shapes(tmp_path / "absent.safetensors")


def test_unwritable_shelf(checkpoint: Path, card: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(OutputError):
        publish_checkpoint(checkpoint, card, tmp_path / "taken" / "shelf")


def test_remove_of_each_kind(checkpoint: Path, card: dict[str, Any], library: Library) -> None:
    publish_checkpoint(checkpoint, card, library.released)
    with pytest.raises(UsageError):
        remove_checkpoint(find("small", None, library), library)
    publish_checkpoint(checkpoint, card | {"name": "mine"}, library.imported)
    assert len(remove_checkpoint(find("mine", None, library), library)) == 2
    assert read_catalogue(library.imported).entries == ()
    with pytest.raises(WeightsError):
        find("mine", None, library)


def test_remove_takes_leftovers_too(
    checkpoint: Path, card: dict[str, Any], library: Library
) -> None:
    entry = publish_checkpoint(checkpoint, card, library.released, bundle=False)
    assert remove_checkpoint(find("small", None, library), library) == []
    files = library.cache / "files"
    files.mkdir(parents=True)
    for suffix in (".safetensors", ".part", ".part.json", ".safetensors.damaged", ".lock"):
        (files / f"{entry.sha256}{suffix}").touch()
    assert len(remove_checkpoint(find("small", None, library), library)) == 4
    assert [path.suffix for path in files.iterdir()] == [".lock"]
