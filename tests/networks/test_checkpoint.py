"""Checkpoint files: there and back, damaged, of another network, of hostile cards."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from network_cases import TINY, TINY_INNER, make_network, shell
from safetensors.torch import load_file, save_file

from skullfix.errors import WeightsError
from skullfix.networks.checkpoint import card_path, load_network, save_checkpoint
from skullfix.networks.config import CONFIGS, NetworkConfig, config_from_card
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import get_backend


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_checkpoint(make_network(TINY), {"name": "x"}, tmp_path / "net.safetensors")


def card_of(path: Path) -> dict[str, Any]:
    return json.loads(card_path(path).read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("config", [TINY, TINY_INNER], ids=lambda c: c.skip)
def test_there_and_back(config: NetworkConfig, tmp_path: Path) -> None:
    network = make_network(config)
    path = save_checkpoint(network.train(), {"name": "x", "z": 1}, tmp_path / "net.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.json", "net.safetensors"]
    card = card_of(path)
    assert card["name"] == "x"
    assert config_from_card(card) == config
    again = load_network(path, card)
    assert not again.training
    assert all(p.requires_grad for p in again.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    x, backend = shell(channels=config.in_channels), get_backend()
    network.eval()
    assert torch.equal(network(x, backend).final.features, again(x, backend).final.features)


def test_the_same_network_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = save_checkpoint(make_network(TINY), {"name": "x"}, tmp_path / "again.safetensors")
    assert saved.read_bytes() == again.read_bytes()
    assert card_path(saved).read_bytes() == card_path(again).read_bytes()


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
def test_a_truncated_file(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="does not hold the network") as caught:
        load_network(saved, card_of(saved))
    assert caught.value.exit_code == 4
    assert caught.value.hint


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not hold"):
        load_network(tmp_path / "none.safetensors", TINY.to_dict())


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(WeightsError, match="does not hold"):
        load_network(path, TINY.to_dict())
    torch.save(make_network(TINY).state_dict(), path)
    with pytest.raises(WeightsError, match="does not hold"):
        load_network(path, TINY.to_dict())


@pytest.mark.parametrize(
    "change",
    [
        {"channels": [4, 4, 6, 6, 8, 8, 9]},
        {"in_channels": 4},
        {"decode_blocks": 2},
        {"channels": [65_536] * 7},
    ],
    ids=str,
)
def test_the_card_of_another_network(saved: Path, change: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match="does not hold the network of its card"):
        load_network(saved, {**card_of(saved), **change})


@pytest.mark.parametrize(
    "change",
    [
        {"channels": [4] * 6},
        {"channels": [4] * 6 + [0]},
        {"channels": [4] * 6 + [10**9]},
        {"channels": None},
        {"channels": "abcdefg"},
        {"architecture": None, "channels": [[4]] * 7},
        {"skip": "sideways"},
        {"decode_blocks": 0},
        {"decode_blocks": 10**9},
        {"in_channels": -1},
        {"in_channels": "many"},
        {"in_channels": float("inf")},
    ],
    ids=str,
)
def test_a_card_that_describes_no_network(change: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match="model card does not describe") as caught:
        config_from_card({**TINY.to_dict(), **change})
    assert caught.value.hint


def test_a_card_without_fields() -> None:
    with pytest.raises(WeightsError, match="channels"):
        config_from_card({"architecture": "table1-ch1"})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.int32])
def test_another_type(saved: Path, dtype: torch.dtype) -> None:
    tensors = load_file(saved)
    tensors["final.weight"] = tensors["final.weight"].to(dtype)
    save_file(tensors, saved)
    with pytest.raises(WeightsError, match=r"final\.weight"):
        load_network(saved, card_of(saved))


def test_half_precision_halves_the_file_and_comes_back_as_float32(tmp_path: Path) -> None:
    network = SparseUNet(CONFIGS["implant-s"])
    whole = save_checkpoint(network, {}, tmp_path / "whole.safetensors")
    half = save_checkpoint(network, {}, tmp_path / "half.safetensors", half=True)
    assert half.stat().st_size < 0.51 * whole.stat().st_size
    again = load_network(half, card_of(half)).state_dict()
    for name, value in network.state_dict().items():
        assert again[name].dtype == value.dtype
        torch.testing.assert_close(again[name], value, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("change", ["more", "fewer"])
def test_another_list_of_tensors(saved: Path, change: str) -> None:
    tensors = load_file(saved)
    if change == "more":
        tensors["extra"] = torch.zeros(1)
    else:
        del tensors["final.bias"]
    save_file(tensors, saved)
    with pytest.raises(WeightsError, match=r"extra|final\.bias"):
        load_network(saved, card_of(saved))


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_survive_their_cards(name: str) -> None:
    card = json.loads(json.dumps(CONFIGS[name].to_dict()))
    assert config_from_card(card) == CONFIGS[name]
