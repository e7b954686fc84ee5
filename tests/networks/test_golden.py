"""Our engines against what MinkowskiEngine computed: see tests/golden/make_minkowski.py."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from skullfix.networks.minkowski_names import convert_minkowski
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import DEFAULT_VOXEL_CAP, Backend, get_backend
from skullfix.sparse.relation import DOWN, SAME, UP2, UP4
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

GOLDEN = load_file(Path(__file__).parents[1] / "golden" / "minkowski.safetensors")
KINDS = {"same": SAME, "down": DOWN, "up2": UP2, "up4": UP4}
NEVER = (float("inf"),) * 6


ENGINES = ["reference", "cpu", *(["minkowski"] if find_spec("MinkowskiEngine") else [])]


@pytest.fixture(params=ENGINES)
def backend(request: pytest.FixtureRequest) -> Backend:
    return get_backend(request.param)


def assert_close(found: Tensor, expected: Tensor, limit: float = 1e-5) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= limit * float(expected.abs().max())


@pytest.mark.parametrize("kind", KINDS)
def test_operations(backend: Backend, kind: str) -> None:
    relation, few = KINDS[kind], slice(None, None, 6 if kind.startswith("up") else 1)
    voxels = VoxelSet(GOLDEN["rows"][few].int(), 2)
    features = GOLDEN["features"][few].clone().requires_grad_()
    weight = GOLDEN[f"{kind}.weight"].clone().requires_grad_()
    if kind == "same":
        target = voxels
    elif kind == "down":
        target = backend.downsample(voxels)
    else:
        target = backend.generate(voxels, relation, DEFAULT_VOXEL_CAP)
    assert torch.equal(target.coordinates, GOLDEN[f"{kind}.rows"].int())
    out = backend.convolve(features, weight, voxels, target, relation)
    out.backward(GOLDEN[f"{kind}.upstream"])
    assert_close(out.detach(), GOLDEN[f"{kind}.out"])
    assert_close(features.grad, GOLDEN[f"{kind}.grad_features"])
    assert_close(weight.grad, GOLDEN[f"{kind}.grad_weight"])


def network() -> SparseUNet:
    """The golden network, from its authors' names."""
    theirs = {n.removeprefix("state."): v for n, v in GOLDEN.items() if n.startswith("state.")}
    config, state = convert_minkowski(theirs)
    ours = SparseUNet(config)
    ours.load_state_dict(state)
    return ours


@pytest.mark.parametrize("inference", [True, False])
def test_the_whole_network(backend: Backend, inference: bool) -> None:
    voxels = VoxelSet(GOLDEN["rows"].int(), 2)
    x = SparseTensor(torch.ones(len(voxels), 1), voxels)
    with torch.set_grad_enabled(not inference):
        out = network().eval()(x, backend, target=voxels, thresholds=NEVER)
    assert torch.equal(out.final.voxels.coordinates, GOLDEN["final.rows"].int())
    assert_close(out.final.features.detach(), GOLDEN["final.logits"])
    for number, level in enumerate(out.levels):
        assert_close(level.logits.detach().sort().values, GOLDEN[f"level{number}.logits"])


def test_a_few_steps_of_training(backend: Backend) -> None:
    ours = network().train()
    voxels = VoxelSet(GOLDEN["rows"].int(), 2)
    target = voxels.select(torch.arange(len(voxels) // 2))
    optimizer = torch.optim.Adam(ours.parameters(), lr=1e-3, amsgrad=True)
    losses = []
    for _ in GOLDEN["losses"]:
        x = SparseTensor(torch.ones(len(voxels), 1), voxels)
        levels = ours(x, backend, target=target, thresholds=NEVER).levels
        parts = [binary_cross_entropy_with_logits(v.logits, v.target.float()) for v in levels]
        loss = torch.stack(parts).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    assert_close(torch.stack(losses), GOLDEN["losses"])
    assert_close(ours.classify[5].weight.detach(), GOLDEN["after.final_level"], 1e-4)
