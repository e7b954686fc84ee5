"""The dense twin, where the mathematics says that it is the sparse network."""

from __future__ import annotations

import pytest
import torch
from network_cases import TINY, TINY_INNER, make_network, shell, single

from skullfix.networks.config import CONFIGS, NetworkConfig
from skullfix.networks.dense import DenseUNet, dense_twin
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import get_backend
from skullfix.sparse.pruning import prune
from skullfix.sparse.tensor import SparseTensor


def grids(x: SparseTensor, shape: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    occupied = x.with_features(torch.ones(len(x.voxels), 1)).dense(shape)[:, 0] > 0
    return x.dense(shape), occupied


@pytest.mark.parametrize("config", [TINY, TINY_INNER], ids=lambda c: c.skip)
@pytest.mark.parametrize(("keep", "shape"), [(-0.5, (22, 22, 22)), (0.0, (24, 30, 26))])
def test_masked_it_is_the_sparse_network(
    config: NetworkConfig, keep: float, shape: tuple[int, int, int]
) -> None:
    network = make_network(config, keep=keep)
    x = shell(2, channels=config.in_channels)
    out = network(x, get_backend()).final
    inside = (out.voxels.coordinates[:, 1:] < torch.tensor(shape)).all(1)
    out = prune(out, inside)  # children beyond the grid have no cell
    with torch.no_grad():
        answer = dense_twin(network)(*grids(x, shape))
    expected, kept = grids(out, shape)
    if keep == 0:
        assert int(kept.sum()) > 100
    assert int((kept ^ answer.kept).sum()) <= 0.005 * int(kept.sum())  # logits at the threshold
    close = torch.isclose(answer.logits, expected, rtol=1e-4, atol=1e-4)[:, 0][kept & answer.kept]
    assert int((~close).sum()) <= 0.03 * len(close)
    assert not answer.logits[:, 0][~answer.kept].any()


def test_children_beyond_the_grid_come_back_as_in_the_sparse_network() -> None:
    """The last coarse cell's children leave the grid; what they do inside it must agree."""
    network = make_network(TINY)
    x = single((0, 63, 63, 63))
    with torch.no_grad():
        out = network(x, get_backend(), thresholds=(0.1,) * 6).final
        answer = dense_twin(network)(*grids(x, (64, 64, 64)), thresholds=(0.1,) * 6)
    out = prune(out, (out.voxels.coordinates[:, 1:] < 64).all(1))
    expected, kept = grids(out, (64, 64, 64))
    assert torch.equal(kept, answer.kept)
    torch.testing.assert_close(answer.logits, expected, rtol=1e-4, atol=1e-4)


def test_plain_it_prunes_nothing() -> None:
    answer = dense_twin(make_network(TINY, keep=-100))(torch.randn(1, 1, 20, 20, 20))
    assert answer.kept is None
    assert bool((answer.logits != 0).all())


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 6, 65)])
def test_any_size(shape: tuple[int, int, int]) -> None:
    twin = dense_twin(make_network(TINY))
    with torch.no_grad():
        assert twin(torch.ones(1, 1, *shape)).logits.shape == (1, 1, *shape)
        nothing = twin(torch.zeros(1, 1, *shape), torch.zeros(1, *shape, dtype=torch.bool))
    assert not nothing.kept.any()


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_parameters(name: str) -> None:
    with torch.device("meta"):
        sparse, dense = SparseUNet(CONFIGS[name]), DenseUNet(CONFIGS[name])
    assert [n for n, _ in dense.named_parameters()] == [n for n, _ in sparse.named_parameters()]
    for mine, theirs in zip(dense.parameters(), sparse.parameters(), strict=True):
        assert mine.numel() == theirs.numel()


def test_the_twin_can_be_trained() -> None:
    twin = dense_twin(make_network(TINY).train())
    assert twin.training
    twin(torch.randn(1, 1, 20, 20, 70)).logits.square().mean().backward()
    without = {name for name, p in twin.named_parameters() if p.grad is None}
    assert without == {n for n, _ in twin.named_parameters() if n.startswith("classify")}
