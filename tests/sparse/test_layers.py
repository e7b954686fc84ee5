"""The layers: shapes, initialisation, batch norm over few voxels, pruning, addition."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import oracle
import pytest
import torch
from torch import nn
from voxel_set_cases import make_set, random_features

from skullfix.errors import MemoryLimitError, UsageError
from skullfix.sparse.addition import add, add_where_present
from skullfix.sparse.backend import BACKENDS, Backend, get_backend
from skullfix.sparse.layers import (
    GenerativeTransposedConv3d,
    Pointwise,
    SparseBatchNorm,
    StridedConv3d,
    SubmanifoldConv3d,
)
from skullfix.sparse.pruning import prune
from skullfix.sparse.relation import DOWN, SAME, UP2, UP4
from skullfix.sparse.tensor import SparseTensor, from_dense
from skullfix.sparse.threads import set_threads
from skullfix.sparse.voxels import VoxelSet

LAYERS = {
    "same": lambda: SubmanifoldConv3d(3, 4),
    "down": lambda: StridedConv3d(3, 4),
    "up2": lambda: GenerativeTransposedConv3d(3, 4, 2),
    "up4": lambda: GenerativeTransposedConv3d(3, 4, 4),
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("name", ["empty", "unsorted-twice", "several-volumes"])
def test_layers_are_the_oracles(backend: Backend, name: str, kind: str) -> None:
    voxels = make_set(name)
    layer = LAYERS[kind]()
    out = layer(SparseTensor(random_features(voxels, 3), voxels), backend)
    expected = oracle.convolve(kind, random_features(voxels, 3), voxels.coordinates, layer.weight)
    assert out.voxels.coordinates.tolist() == oracle.targets(kind, voxels.coordinates).tolist()
    torch.testing.assert_close(out.features, expected, rtol=1e-5, atol=2e-6)


def test_the_cap_of_a_layer(backend: Backend) -> None:
    layer = GenerativeTransposedConv3d(1, 1, 2, cap=8)
    one = VoxelSet.from_coordinates(torch.tensor([[0, 1, 1, 1]]))
    two = VoxelSet.from_coordinates(torch.tensor([[0, 1, 1, 1], [0, 9, 9, 9]]))
    assert len(layer(SparseTensor(torch.ones(1, 1), one), backend).voxels) == 8
    with pytest.raises(MemoryLimitError, match="16 voxels, more than the cap of 8"):
        layer(SparseTensor(torch.ones(2, 1), two), backend)


@pytest.mark.parametrize("relation", [SAME, DOWN, UP2, UP4], ids=lambda r: r.name)
def test_the_reverse_of_the_reverse(relation) -> None:  # type: ignore[no-untyped-def]
    twice = relation.reverse().reverse()
    rule = ("scale", "sign", "shift", "divisor", "width", "taps")
    assert [getattr(twice, f) for f in rule] == [getattr(relation, f) for f in rule]


@pytest.mark.parametrize("count", [2, 3, 500])
def test_batch_norm_of_many_voxels(count: int) -> None:
    torch.manual_seed(count)  # two values may lie so near each other that no float32 will do
    norm = SparseBatchNorm(4)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    x = torch.randn(count, 4) * 3 + 1
    expected, mean, variance = oracle.normalise(x, norm.weight, norm.bias, norm.eps)
    torch.testing.assert_close(norm(x), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(norm.running_mean, torch.from_numpy(0.1 * mean))
    torch.testing.assert_close(norm.running_var, torch.from_numpy(0.9 + 0.1 * variance))


@pytest.mark.parametrize("count", [0, 1])
def test_batch_norm_of_few_voxels_uses_and_keeps_the_running_statistics(count: int) -> None:
    norm = SparseBatchNorm(4)
    norm(torch.randn(100, 4) + 5)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    x = torch.randn(count, 4, requires_grad=True)
    trained = norm(x)
    trained.sum().backward()
    assert x.grad is not None
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    assert torch.equal(trained, norm.eval()(x))


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_batch_norm_in_use_gives_each_voxel_its_own_value(count: int) -> None:
    norm = SparseBatchNorm(3)
    norm(torch.randn(100, 3))
    norm.eval()
    x = torch.randn(count, 3)
    alone = [norm(row[None]) for row in x]
    assert torch.equal(norm(x), torch.cat([x.new_zeros(0, 3), *alone]))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_pointwise(count: int) -> None:
    layer, x = Pointwise(5, 2), torch.randn(count, 5)
    torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)


def test_prune(voxels: VoxelSet) -> None:
    features = random_features(voxels, 2).requires_grad_()
    for keep in (features[:, 0] > 0, features[:, 0] > 9, features[:, 0] > -9):
        out = prune(SparseTensor(features, voxels), keep)
        assert torch.equal(out.features, features[keep])
        assert torch.equal(out.voxels.coordinates, voxels.coordinates[keep])
        assert out.voxels.batch_size == voxels.batch_size
        (gradient,) = torch.autograd.grad(out.features.sum(), features)
        assert torch.equal(gradient, keep[:, None].float().expand(-1, 2))


@pytest.mark.parametrize("other", ["empty", "several-volumes"])
def test_additions(backend: Backend, voxels: VoxelSet, other: str) -> None:
    first = SparseTensor(random_features(voxels, 2, 1).requires_grad_(), voxels)
    second = SparseTensor(random_features(make_set(other), 2, 2).requires_grad_(), make_set(other))
    sums: dict[tuple[int, ...], torch.Tensor] = {}
    for part in (first, second):
        for row, value in zip(part.voxels.coordinates.tolist(), part.features, strict=True):
            sums[tuple(row)] = sums.get(tuple(row), torch.zeros(2)) + value
    total = add(first, second, backend)
    rows = [tuple(row) for row in total.voxels.coordinates.tolist()]
    assert rows == sorted(sums)
    expected = torch.stack([torch.zeros(2), *[sums[row] for row in rows]])[1:]
    torch.testing.assert_close(total.features, expected)
    inner = add_where_present(first, second, backend)
    assert inner.voxels is first.voxels
    here = [sums[tuple(row)] for row in voxels.coordinates.tolist()]
    torch.testing.assert_close(inner.features, torch.stack([torch.zeros(2), *here])[1:])
    for out, both in ((total, True), (inner, False)):
        pair = (first.features, second.features)
        gradients = torch.autograd.grad(out.features.sum(), pair, allow_unused=True)
        assert gradients[0].eq(1).all()
        if both:
            assert gradients[1].eq(1).all()
        else:
            present = backend.find(second.voxels, first.voxels) >= 0
            assert torch.equal(gradients[1][:, 0], present.float())


def test_dense_and_back() -> None:
    occupied = torch.rand(3, 4, 5, 6, generator=torch.Generator().manual_seed(0)) > 0.6
    occupied[1] = False
    grid = torch.randn(3, 2, 4, 5, 6) * occupied[:, None]
    x = from_dense(grid, occupied)
    assert x.voxels.batch_size == 3
    assert torch.equal(x.dense((4, 5, 6)), grid)
    assert torch.equal(x.voxels.keys, x.voxels.keys.unique())


def test_features_must_fit() -> None:
    with pytest.raises(ValueError, match="do not fit 1 voxels"):
        SparseTensor(torch.ones(2, 1), VoxelSet.from_coordinates(torch.zeros(1, 4).int()))


def test_choice_of_backend() -> None:
    assert get_backend("auto").name == "cpu"
    assert get_backend("auto", "meta").name == "reference"
    for name in ("cpu", "reference"):
        assert name in BACKENDS
        assert get_backend(name).name == name
    with pytest.raises(UsageError, match="no backend 'gpu'"):
        get_backend("gpu")
    for name in ("cpu", "minkowski"):
        with pytest.raises(UsageError, match="cannot run on"):
            get_backend(name, "cuda:0")


@pytest.mark.skipif(find_spec("MinkowskiEngine") is not None, reason="MinkowskiEngine is here")
def test_minkowski_engine_is_absent() -> None:
    with pytest.raises(UsageError, match="needs MinkowskiEngine") as caught:
        get_backend("minkowski")
    assert "make minkowski" in caught.value.hint


def test_threads() -> None:
    before = torch.get_num_threads()
    try:
        assert set_threads(1) == 1
        assert set_threads(0) == 1
    finally:
        set_threads(before)


def test_the_environment_decides_where_no_count_is_given() -> None:
    program = (
        "import torch; from skullfix.sparse.jit import thread_count;"
        "from skullfix.sparse.threads import set_threads;"
        "print(set_threads(0), torch.get_num_threads(), thread_count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.split() == ["1", "1", "1"]


def test_initial_weights_are_those_of_dense_layers() -> None:
    torch.manual_seed(0)
    ours, dense = SubmanifoldConv3d(16, 64), nn.Conv3d(16, 64, 3, bias=False)
    assert float(ours.weight.detach().abs().max()) <= 1.01 * float(
        dense.weight.detach().abs().max()
    )
    assert ours.weight.std().item() == pytest.approx(dense.weight.std().item(), rel=0.02)
