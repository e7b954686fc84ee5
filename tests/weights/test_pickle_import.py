from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from skullfix.errors import WeightsError
from skullfix.weights.pickle_import import read_pickled_state

STATE = OrderedDict(
    [("enc_block_s1.0.kernel", torch.ones(27, 1, 8)), ("b.num_batches_tracked", torch.tensor(3))]
)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("wrapped", [lambda s: s, lambda s: {"epoch": 3, "state_dict": s}])
@pytest.mark.parametrize("modern", [True, False])
def test_state_dict(wrapped: Any, modern: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(wrapped(STATE), path, _use_new_zipfile_serialization=modern)
    found = read_pickled_state(path)
    assert list(found) == list(STATE)
    assert torch.equal(found["enc_block_s1.0.kernel"], STATE["enc_block_s1.0.kernel"])


def test_prefix_of_parallel_training(tmp_path: Path) -> None:
    torch.save({f"module.{name}": value for name, value in STATE.items()}, tmp_path / "a.pth")
    assert list(read_pickled_state(tmp_path / "a.pth")) == list(STATE)


@pytest.mark.parametrize("modern", [True, False])
def test_code_is_refused_and_not_run(modern: bool, tmp_path: Path) -> None:
    path, mark = tmp_path / "a.pth", tmp_path / "ran"
    torch.save({**STATE, "x": Trap(mark)}, path, _use_new_zipfile_serialization=modern)
    with pytest.raises(WeightsError, match="wants to run code") as caught:
        read_pickled_state(path)
    assert caught.value.exit_code == 4
    assert "state dict" in caught.value.hint
    assert not mark.exists()


def test_bare_pickle_with_code(tmp_path: Path) -> None:
    path, mark = tmp_path / "a.pth", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(WeightsError):
        read_pickled_state(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [[1, 2], {}, {"a": "text"}, {1: torch.ones(1)}, {"a": torch.tensor([float("nan")])},
     {"a": torch.eye(3).to_sparse()}, torch.ones(3)],
)  # fmt: skip
def test_no_state_dict(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(WeightsError):
        read_pickled_state(tmp_path / "a.pth")


@pytest.mark.parametrize("tenth", range(10))
def test_cut_file(tenth: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * tenth // 10])
    with pytest.raises(WeightsError):
        read_pickled_state(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no file"):
        read_pickled_state(tmp_path / "a.pth")
