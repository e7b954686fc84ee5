"""The authors' checkpoints: names, shapes, and the whole way through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from network_cases import make_network, shell
from torch import Tensor

from skullfix.cli.main import run
from skullfix.errors import WeightsError
from skullfix.networks.checkpoint import load_network
from skullfix.networks.config import CONFIGS, NetworkConfig
from skullfix.networks.minkowski_names import convert_minkowski
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import get_backend

STRIDES = (1, 2, 4, 8, 16, 32, 64)


def authors_state(network: SparseUNet, *, volume_axis: bool = False) -> dict[str, Tensor]:
    """What the authors' network with these weights would save, written down by hand."""
    state: dict[str, Tensor] = {}

    def block(name: str, place: int, ours) -> None:  # type: ignore[no-untyped-def]
        state[f"{name}.{place}.kernel"] = ours.convolution.weight
        for key, value in ours.norm.state_dict().items():
            state[f"{name}.{place + 1}.bn.{key}"] = value

    def pointwise(name: str, ours) -> None:  # type: ignore[no-untyped-def]
        kernel = ours.weight.T
        state[f"{name}.kernel"] = kernel[None] if volume_axis else kernel
        state[f"{name}.bias"] = ours.bias[None]

    block("enc_block_s1", 0, network.stem)
    for i in range(6):
        block(f"enc_block_s{STRIDES[i]}s{STRIDES[i + 1]}", 0, network.down[i])
        block(f"enc_block_s{STRIDES[i]}s{STRIDES[i + 1]}", 3, network.encode[i])
    for i in range(6):
        block(f"dec_block_s{STRIDES[6 - i]}s{STRIDES[5 - i]}", 0, network.up[i])
        block(f"dec_block_s{STRIDES[6 - i]}s{STRIDES[5 - i]}", 3, network.decode[i][0])
        pointwise(f"dec_s{STRIDES[5 - i]}_cls", network.classify[i])
    pointwise("final_out.0", network.final)
    return {name: value.detach().clone() for name, value in state.items()}


@pytest.fixture
def network() -> SparseUNet:
    return make_network(CONFIGS["table1-ch1"])


@pytest.mark.parametrize("volume_axis", [False, True])
def test_every_weight_finds_its_place(network: SparseUNet, volume_axis: bool) -> None:
    config, state = convert_minkowski(authors_state(network, volume_axis=volume_axis))
    assert config == CONFIGS["table1-ch1"]
    assert state.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        assert torch.equal(state[name], value), name
        assert state[name].is_contiguous()


def test_other_widths_inputs_and_types() -> None:
    odd = NetworkConfig("odd", (3, 5, 7, 9, 2, 4, 6), in_channels=2)
    state = {n: v.double() for n, v in authors_state(make_network(odd)).items()}
    config, converted = convert_minkowski(state)
    assert config == NetworkConfig("table1", odd.channels, in_channels=2)
    assert converted["stem.convolution.weight"].dtype == torch.float32
    assert converted["stem.norm.num_batches_tracked"].dtype == torch.int64
    SparseUNet(config).load_state_dict(converted)


def test_widths_of_one_are_not_confused() -> None:
    thin = NetworkConfig("thin", (1, 1, 1, 1, 1, 1, 1))
    network = make_network(thin)
    for volume_axis in (False, True):
        config, state = convert_minkowski(authors_state(network, volume_axis=volume_axis))
        assert config.channels == thin.channels
        assert all(torch.equal(state[n], v) for n, v in network.state_dict().items())


def test_counts_may_be_missing(network: SparseUNet) -> None:
    state = authors_state(network)
    state = {n: v for n, v in state.items() if not n.endswith("num_batches_tracked")}
    _, converted = convert_minkowski(state)
    assert converted["final.weight"].shape == (1, 8)
    assert int(converted["stem.norm.num_batches_tracked"]) == 0


@pytest.mark.parametrize(
    "name",
    [
        "enc_block_s1.0.kernel",
        "enc_block_s8s16.3.kernel",
        "dec_block_s64s32.1.bn.running_var",
        "dec_s2_cls.bias",
        "final_out.0.kernel",
    ],
)
def test_what_is_missing_or_misshapen_is_named(network: SparseUNet, name: str) -> None:
    state = authors_state(network)
    good = state.pop(name)
    with pytest.raises(WeightsError, match="no tensor") as caught:
        convert_minkowski(state)
    assert name in caught.value.message
    assert caught.value.hint
    for bad in (good[..., :0], torch.cat([good, good]), good.to(torch.complex64), torch.ones(())):
        with pytest.raises(WeightsError) as caught:
            convert_minkowski({**state, name: bad})
        if name != "enc_block_s8s16.3.kernel":
            assert repr(name) in caught.value.message


def test_the_place_of_a_kernels_axes_is_checked(network: SparseUNet) -> None:
    state = authors_state(network)
    name = "dec_block_s64s32.0.kernel"
    with pytest.raises(WeightsError, match=name):
        convert_minkowski({**state, name: state[name].transpose(1, 2)})


def test_what_is_too_much_is_named(network: SparseUNet) -> None:
    with pytest.raises(WeightsError, match=r"dec_s64_cls\.kernel"):
        convert_minkowski({**authors_state(network), "dec_s64_cls.kernel": torch.zeros(64, 1)})


def test_nothing_at_all() -> None:
    with pytest.raises(WeightsError, match="enc_block_s1"):
        convert_minkowski({})


def test_through_the_command_line(
    network: SparseUNet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SKULLFIX_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "Skulls CH1.pth"
    torch.save(authors_state(network), source)
    words = ["weights", "import", str(source), "--spacing", "0.9", "--licence", "CC0-1.0"]
    assert run([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["checkpoint"]["name"] == "skulls-ch1"
    path = Path(document["path"])
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["architecture"] == "table1-ch1"
    again, x, backend = load_network(path, card), shell(), get_backend()
    assert torch.equal(network(x, backend).final.features, again(x, backend).final.features)


def test_a_state_of_another_network_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKULLFIX_CACHE", str(tmp_path / "cache"))
    torch.save({"conv1.weight": torch.zeros(3, 3)}, tmp_path / "a.pth")
    assert run(["weights", "import", str(tmp_path / "a.pth"), "--json"]) == 4
    assert "conv1.weight" in json.loads(capsys.readouterr().out)["error"]["message"]
