"""The inference path gives what the plain forward pass gives."""

from __future__ import annotations

import pytest
import torch
from network_cases import TINY, TINY_INNER, assert_alike, make_network, shell, single

from skullfix.errors import MemoryLimitError
from skullfix.networks.config import NetworkConfig
from skullfix.sparse.backend import get_backend
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

BOTH = pytest.mark.parametrize(
    ("config", "name"),
    [(TINY, "reference"), (TINY, "cpu"), (TINY_INNER, "cpu")],
    ids=["union-reference", "union-cpu", "inner-cpu"],
)
ENGINES = pytest.mark.parametrize("name", ["reference", "cpu"])
NEVER = (float("inf"),) * 6


@BOTH
@pytest.mark.parametrize("thresholds", [(0.0,) * 6, (-0.3, -0.1, 0.0, -0.2, -0.1, 0.0)])
def test_the_same_answer(config: NetworkConfig, name: str, thresholds: tuple[float, ...]) -> None:
    network, backend = make_network(config), get_backend(name)
    x = shell(2, channels=config.in_channels)
    plain = network(x, backend, thresholds=thresholds)
    with torch.no_grad():
        quick = network(x, backend, thresholds=thresholds)
    assert len(plain.final.voxels) > 50
    assert_alike(quick.final, plain.final)
    assert quick.levels == ()


@BOTH
def test_values_on_a_given_target(config: NetworkConfig, name: str) -> None:
    """Where the target alone is kept, no logit near a threshold can blur the comparison."""
    network, backend = make_network(config), get_backend(name)
    x = shell(2, channels=config.in_channels)
    plain = network(x, backend, target=x.voxels, thresholds=NEVER).final
    with torch.inference_mode():
        quick = network(x, backend, target=x.voxels, thresholds=NEVER).final
    assert torch.equal(quick.voxels.coordinates, x.voxels.coordinates)
    torch.testing.assert_close(quick.features, plain.features, rtol=1e-4, atol=1e-4)


@BOTH
def test_nothing_and_one_voxel(config: NetworkConfig, name: str) -> None:
    network, backend = make_network(config, keep=-100), get_backend(name)
    none = VoxelSet.from_coordinates(torch.zeros(0, 4, dtype=torch.int32), 2)
    with torch.inference_mode():
        empty = network(SparseTensor(torch.zeros(0, config.in_channels), none), backend).final
        x = single((1, 63, 64, 129), volumes=3, channels=config.in_channels)
        one = network(x, backend, target=x.voxels).final
    assert empty.features.shape == (0, 1)
    assert empty.voxels.batch_size == 2
    assert one.voxels.coordinates.tolist() == [[1, 63, 64, 129]]


def test_training_mode_is_not_inference() -> None:
    network = make_network(TINY).train()
    with torch.no_grad():
        assert len(network(shell(), get_backend(), target=shell().voxels).levels) == 6


@ENGINES
def test_the_cap(name: str) -> None:
    network = make_network(TINY, keep=100)
    for up in network.up:
        up.convolution.cap = 5_000
    with torch.inference_mode(), pytest.raises(MemoryLimitError, match="cap of 5,000"):
        network(shell(), get_backend(name))
