"""The network of Table I: its layers, and what it does with ordinary and hostile batches."""

from __future__ import annotations

import pytest
import torch
from network_cases import TINY, TINY_INNER, assert_alike, make_network, shell, single

from skullfix.errors import MemoryLimitError
from skullfix.networks.config import CONFIGS, NetworkConfig
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.addition import add
from skullfix.sparse.backend import Backend, get_backend
from skullfix.sparse.pruning import prune
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

CHANNELS = {
    "table1-ch1": (8, 8, 16, 16, 32, 32, 64),
    "table1-ch2": (22, 32, 32, 128, 156, 256, 388),
}


@pytest.fixture(params=["reference", "cpu"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return get_backend(request.param)


@pytest.mark.parametrize(("name", "count"), [("table1-ch1", 434_695), ("table1-ch2", 18_137_201)])
def test_number_of_parameters(name: str, count: int) -> None:
    with torch.device("meta"):
        network = SparseUNet(CONFIGS[name])
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize("name", CHANNELS)
def test_table_1_layer_by_layer(name: str) -> None:
    c = CHANNELS[name]
    table: list[tuple[int, int, int]] = [(27, 1, c[0])]  # encoder: (taps, in, out)
    for level in range(1, 7):
        table += [(8, c[level - 1], c[level]), (27, c[level], c[level])]
    for level in range(5, -1, -1):  # decoder: k4 once, then k2; k3; classifier
        table += [(64 if level == 5 else 8, c[level + 1], c[level]), (27, c[level], c[level])]
        table += [(1, c[level], 1)]
    table.append((1, c[0], 1))
    with torch.device("meta"):
        network = SparseUNet(CONFIGS[name])
    order = [network.stem]
    for down, encode in zip(network.down, network.encode, strict=True):
        order += [down, encode]
    for up, decode, classify in zip(network.up, network.decode, network.classify, strict=True):
        order += [up, *decode, classify]
    order.append(network.final)
    found = []
    for layer in order:
        if hasattr(layer, "convolution"):
            found.append(tuple(layer.convolution.weight.shape))
            assert layer.convolution._parameters.keys() == {"weight"}  # no bias before a norm
            assert layer.norm.num_features == found[-1][2]
        else:
            found.append((1, layer.in_features, layer.out_features))
            assert layer.bias is not None
    assert found == table
    kinds = [layer.convolution.relation.name for layer in order if hasattr(layer, "convolution")]
    assert kinds == ["same", *["down", "same"] * 6, "up4", "same", *["up2", "same"] * 5]


def test_what_a_union_network_computes_step_by_step(backend: Backend) -> None:
    network, x = make_network(TINY), shell()
    skips = [network.stem(x, backend)]
    for down, encode in zip(network.down, network.encode, strict=True):
        skips.append(encode(down(skips[-1], backend), backend))
    y = skips.pop()
    for up, decode, classify in zip(network.up, network.decode, network.classify, strict=True):
        y = add(decode(up(y, backend), backend), skips.pop(), backend)
        y = prune(y, classify(y.features)[:, 0] > 0)
    out = network(x, backend).final
    assert len(out.voxels) > 100
    assert torch.equal(out.voxels.coordinates, y.voxels.coordinates)
    assert torch.equal(out.features, network.final(y.features))


@pytest.mark.parametrize("config", [TINY, TINY_INNER], ids=lambda c: c.skip)
def test_engines_agree_on_the_whole_network(config: NetworkConfig) -> None:
    network, x = make_network(config), shell(channels=config.in_channels)
    outs = [network(x, get_backend(name)) for name in ("reference", "cpu")]
    assert len(outs[0].final.voxels) > 50
    assert_alike(outs[0].final, outs[1].final)
    for levels in zip(*[out.levels for out in outs], strict=True):
        assert_alike(*[SparseTensor(v.logits[:, None], v.voxels) for v in levels])


@pytest.mark.parametrize("config", [TINY, TINY_INNER], ids=lambda c: c.skip)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("volumes", [0, 1, 3])
def test_no_voxel_at_all(
    backend: Backend, config: NetworkConfig, training: bool, volumes: int
) -> None:
    voxels = VoxelSet.from_coordinates(torch.zeros(0, 4, dtype=torch.int32), volumes)
    network = make_network(config).train(training)
    out = network(SparseTensor(torch.zeros(0, config.in_channels), voxels), backend)
    assert out.final.features.shape == (0, 1)
    assert out.final.voxels.batch_size == volumes
    assert [level.level for level in out.levels] == [5, 4, 3, 2, 1, 0]
    assert all(level.target is None for level in out.levels)


@pytest.mark.parametrize("config", [TINY, TINY_INNER], ids=lambda c: c.skip)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("row", [(0, 0, 0, 0), (0, 63, 64, 129), (2, 5, 0, 700)])
def test_a_single_voxel(
    backend: Backend, config: NetworkConfig, training: bool, row: tuple[int, int, int, int]
) -> None:
    network = make_network(config, keep=-100).train(training)
    x = single(row, volumes=4, channels=config.in_channels)
    out = network(x, backend, target=x.voxels)
    assert torch.isfinite(out.final.features).all()
    assert out.final.voxels.coordinates.tolist() == [list(row)]
    first = out.levels[0]
    above = 64 if config.skip == "inner" else len(first.voxels)
    assert len(first.voxels) == above
    assert int(first.target.sum()) == 1


@pytest.mark.parametrize("config", [TINY, TINY_INNER], ids=lambda c: c.skip)
def test_volumes_of_a_batch_do_not_touch(config: NetworkConfig) -> None:
    backend = get_backend("cpu")
    network = make_network(config)
    together = network(shell(4, empty=(1, 3), channels=config.in_channels), backend).final
    assert together.voxels.batch_size == 4
    assert not set(together.voxels.coordinates[:, 0].tolist()) & {1, 3}
    for volume in (0, 2):
        batch = shell(4, empty=(1, 3), channels=config.in_channels)
        mine = batch.voxels.coordinates[:, 0] == volume
        alone = network(prune(batch, mine), backend).final
        assert len(alone.voxels) > 100
        assert_alike(prune(together, together.voxels.coordinates[:, 0] == volume), alone)


def test_thresholds_prune_more_and_more() -> None:
    backend = get_backend("cpu")
    network, x = make_network(TINY), shell()
    sizes = []
    for threshold in (0.0, 0.5, 1.0, float("inf")):
        out = network(x, backend, thresholds=(threshold,) * 6)
        sizes.append(len(out.final.voxels))
        level = out.levels[-1]
        assert int((level.logits > threshold).sum()) == sizes[-1]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1] == 0
    assert len(network(x, backend).final.voxels) == sizes[0]  # the paper's 0 is the default


def test_each_threshold_belongs_to_its_level() -> None:
    backend = get_backend("cpu")
    network, x = make_network(TINY), shell()
    for step in range(6):
        thresholds = [0.0] * 6
        thresholds[step] = float("inf")
        levels = network(x, backend, thresholds=thresholds).levels
        assert [level.level for level in levels] == [5, 4, 3, 2, 1, 0]
        below = levels[step + 1 :]  # the decoder starts anew from the skip alone
        if below:
            encoder = backend.downsample(x.voxels) if below[0].level else x.voxels
            for _ in range(below[0].level - 1):
                encoder = backend.downsample(encoder)
            assert torch.equal(below[0].voxels.coordinates, encoder.coordinates)


@pytest.mark.parametrize("config", [TINY, TINY_INNER], ids=lambda c: c.skip)
@pytest.mark.parametrize("training", [False, True])
def test_a_target_is_never_pruned(backend: Backend, config: NetworkConfig, training: bool) -> None:
    network = make_network(config, keep=-100).train(training)
    x = shell(2, channels=config.in_channels)
    rows = torch.tensor([[0, 11, 10, 17], [0, 12, 10, 17], [1, 18, 10, 9]])
    target = VoxelSet.from_coordinates(rows, 2)
    out = network(x, backend, target=target)
    assert out.final.voxels.coordinates.tolist() == rows.tolist()
    expected = target
    for level in reversed(out.levels):
        marked = level.voxels.select(level.target)
        assert marked.coordinates.tolist() == expected.coordinates.tolist()
        expected = backend.downsample(expected)


@pytest.mark.parametrize("config", [TINY, TINY_INNER], ids=lambda c: c.skip)
def test_gradients_reach_every_parameter(config: NetworkConfig) -> None:
    backend = get_backend("cpu")
    network = make_network(config).train()
    x = shell(2, channels=config.in_channels)
    out = network(x, backend, target=x.voxels)
    loss = sum(level.logits.square().mean() for level in out.levels)
    (loss + out.final.features.square().mean()).backward()
    for name, value in network.named_parameters():
        assert value.grad is not None, name
        assert torch.isfinite(value.grad).all(), name
        assert bool((value.grad != 0).any()), name


def test_same_bytes_every_time(backend: Backend) -> None:
    network = make_network(TINY)
    outs = [network(shell(2), backend).final for _ in range(2)]
    assert torch.equal(outs[0].features, outs[1].features)
    assert torch.equal(outs[0].voxels.coordinates, outs[1].voxels.coordinates)


def test_a_decoder_that_keeps_everything_stops_at_the_cap(backend: Backend) -> None:
    network = make_network(TINY, keep=100)
    for up in network.up:
        up.convolution.cap = 5_000
    with pytest.raises(MemoryLimitError, match="cap of 5,000") as caught:
        network(shell(), backend)
    assert caught.value.exit_code == 5
    assert caught.value.hint
