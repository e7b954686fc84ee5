"""Convolutions against the dense oracle, forward and backward, on both engines."""

from __future__ import annotations

import hypothesis
import numpy as np
import oracle
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor
from voxel_set_cases import drawn, make_set, random_features, voxel_sets

from skullfix.sparse.backend import DEFAULT_VOXEL_CAP, Backend, get_backend
from skullfix.sparse.relation import DOWN, SAME, UP2, UP4, Relation
from skullfix.sparse.voxels import VoxelSet

KINDS = {"same": SAME, "down": DOWN, "up2": UP2, "up4": UP4}
TOLERANCE = 1e-5


def target_set(backend: Backend, voxels: VoxelSet, relation: Relation) -> VoxelSet:
    if relation is SAME:
        return voxels
    if relation is DOWN:
        return backend.downsample(voxels)
    return backend.generate(voxels, relation, DEFAULT_VOXEL_CAP)


def assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert torch.isfinite(found).all()
    scale = float(expected.abs().max()) if expected.numel() else 1.0
    assert float((found - expected).abs().max() if found.numel() else 0) <= TOLERANCE * (
        scale + 1e-6
    )


def check(backend: Backend, kind: str, voxels: VoxelSet, c_in: int, c_out: int) -> None:
    """Values and both gradients equal the oracle's, which computes in float64."""
    relation = KINDS[kind]
    target = target_set(backend, voxels, relation)
    assert target.coordinates.tolist() == oracle.targets(kind, voxels.coordinates).tolist()
    assert target.coordinates.dtype == torch.int32
    assert target.batch_size == voxels.batch_size
    features = random_features(voxels, c_in).requires_grad_()
    weight = drawn((relation.taps, c_in, c_out), 1, voxels.device).requires_grad_()
    out = backend.convolve(features, weight, voxels, target, relation)
    upstream = drawn(out.shape, 2, voxels.device)
    gradients = torch.autograd.grad(out, (features, weight), upstream)

    exact = [t.detach().double().requires_grad_() for t in (features, weight)]
    truth = oracle.convolve(kind, exact[0], voxels.coordinates, exact[1])
    true_gradients = torch.autograd.grad(truth, exact, upstream.double())
    assert_close(out.detach(), truth.detach())
    for found, expected in zip(gradients, true_gradients, strict=True):
        assert_close(found, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_sets(backend: Backend, voxels: VoxelSet, kind: str) -> None:
    check(backend, kind, voxels, 3, 5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("c_in", "c_out"), [(1, 1), (4, 16), (17, 2)])
def test_channels(backend: Backend, kind: str, c_in: int, c_out: int) -> None:
    check(backend, kind, make_set("last-volumes-empty"), c_in, c_out)


@pytest.mark.parametrize("name", ["reference", "cpu"])
@pytest.mark.parametrize("kind", KINDS)
@hypothesis.settings(max_examples=12)
@hypothesis.given(voxels=voxel_sets())
def test_random_sets(name: str, kind: str, voxels: VoxelSet) -> None:
    check(get_backend(name), kind, voxels, 2, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_more_rows_than_a_tile(kind: str) -> None:
    z, y, x = np.indices((10, 11, 12)).reshape(3, -1)
    rows = torch.from_numpy(np.stack([0 * z, z, y, x], 1).astype(np.int32))
    check(get_backend("cpu"), kind, VoxelSet.from_coordinates(rows), 24, 9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["odd-extent", "last-volumes-empty", "one-odd", "checkerboard", "line-z", "runs"]
)
def test_gradcheck(backend: Backend, kind: str, name: str) -> None:
    voxels = make_set(name)
    voxels = voxels.select(torch.arange(min(6, len(voxels))))
    target = target_set(backend, voxels, KINDS[kind])
    features = random_features(voxels, 2).double().requires_grad_()
    weight = torch.randn(KINDS[kind].taps, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda f, w: backend.convolve(f, w, voxels, target, KINDS[kind]),
        (features, weight),
        fast_mode=True,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_only_one_gradient_is_wanted(backend: Backend, kind: str) -> None:
    voxels = make_set("several-volumes")
    target = target_set(backend, voxels, KINDS[kind])
    features, weight = random_features(voxels, 2), torch.randn(KINDS[kind].taps, 2, 3)
    both = [t.clone().requires_grad_() for t in (features, weight)]
    out = backend.convolve(both[0], both[1], voxels, target, KINDS[kind])
    out.square().sum().backward()
    for i, alone in enumerate([features.clone(), weight.clone()]):
        alone.requires_grad_()
        pair = (alone, weight) if i == 0 else (features, alone)
        backend.convolve(*pair, voxels, target, KINDS[kind]).square().sum().backward()
        torch.testing.assert_close(alone.grad, both[i].grad)


@pytest.mark.parametrize("kind", KINDS)
def test_features_and_gradients_of_any_layout(backend: Backend, kind: str) -> None:
    voxels = make_set("several-volumes")
    target = target_set(backend, voxels, KINDS[kind])
    features = random_features(voxels, 6)
    weight = torch.randn(4, 3, KINDS[kind].taps).permute(2, 1, 0)
    plain = backend.convolve(
        features[:, ::2].contiguous(), weight.contiguous(), voxels, target, KINDS[kind]
    )
    strided = features[:, ::2].requires_grad_()
    out = backend.convolve(strided, weight, voxels, target, KINDS[kind])
    assert torch.equal(out, plain)
    (gradient,) = torch.autograd.grad(out, strided, torch.ones(1, 1).expand_as(out))
    assert gradient.shape == strided.shape


@pytest.mark.parametrize("kind", KINDS)
def test_tap_order_is_x_fastest(backend: Backend, kind: str) -> None:
    """One voxel with value 1 and weight[k] = k shows which tap leads where."""
    relation = KINDS[kind]
    weight = torch.arange(relation.taps, dtype=torch.float32).reshape(-1, 1, 1)
    width = relation.width
    if relation.divisor == 2:  # child 2p + (dz, dy, dx) gets tap (dz * w + dy) * w + dx
        source = VoxelSet.from_coordinates(torch.tensor([[0, 3, 2, 1]]))
        target = target_set(backend, source, relation)
        out = backend.convolve(torch.ones(1, 1), weight, source, target, relation)
        digits = target.coordinates[:, 1:] - torch.tensor([6, 4, 2])
        assert out[:, 0].tolist() == (digits @ torch.tensor([width * width, width, 1])).tolist()
        return
    for dz, dy, dx in np.ndindex((width,) * 3):
        tap = (dz * width + dy) * width + dx
        if relation is SAME:  # (5, 5, 5) sees the voxel at + (dz, dy, dx) - 1 through that tap
            seen = [0, 5 + dz - 1, 5 + dy - 1, 5 + dx - 1]
            voxels = VoxelSet.from_coordinates(torch.tensor([[0, 5, 5, 5], seen]))
            here = voxels.coordinates.tolist().index([0, 5, 5, 5])
            there = voxels.coordinates.tolist().index(seen)
            features = torch.zeros(len(voxels), 1)
            features[there] = 1
            out = backend.convolve(features, weight, voxels, voxels, relation)
            assert float(out[here]) == tap
        else:
            voxels = VoxelSet.from_coordinates(torch.tensor([[0, 4 + dz, 2 + dy, 6 + dx]]))
            target = target_set(backend, voxels, relation)
            assert target.coordinates.tolist() == [[0, 2, 1, 3]]
            out = backend.convolve(torch.ones(1, 1), weight, voxels, target, relation)
            assert float(out) == tap


@pytest.mark.parametrize("kind", KINDS)
def test_same_bytes_every_time(backend: Backend, kind: str) -> None:
    if backend.name == "minkowski":
        pytest.skip("MinkowskiEngine adds in the order in which its threads arrive")
    runs = []
    for _ in range(2):
        voxels = make_set("several-volumes")
        target = target_set(backend, voxels, KINDS[kind])
        features = random_features(voxels, 4).requires_grad_()
        weight = torch.ones(KINDS[kind].taps, 4, 4).cumsum(0).sin().requires_grad_()
        out = backend.convolve(features, weight, voxels, target, KINDS[kind])
        out.square().sum().backward()
        runs.append([out.detach(), features.grad, weight.grad])
    for again in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], again, strict=True))


@hypothesis.settings(max_examples=15)
@hypothesis.given(first=voxel_sets(), second=voxel_sets(), data=st.data())
def test_any_target_on_both_engines(first: VoxelSet, second: VoxelSet, data: st.DataObject) -> None:
    """A target that does not come from the source: what is not seen counts as zero."""
    relation = KINDS[data.draw(st.sampled_from(sorted(KINDS)))]
    volumes = max(first.batch_size, second.batch_size)
    source = VoxelSet(first.coordinates, volumes)
    target = VoxelSet(second.coordinates, volumes)
    features, weight = random_features(source, 2), torch.randn(relation.taps, 2, 3)
    results = [
        get_backend(name).convolve(features, weight, source, target, relation)
        for name in ("reference", "cpu")
    ]
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-5)


def test_batches_of_different_sizes_are_refused(backend: Backend) -> None:
    source, target = (
        VoxelSet.from_coordinates(torch.zeros(1, 4, dtype=torch.int32), n) for n in (1, 2)
    )
    with pytest.raises(ValueError, match="different batches"):
        backend.convolve(torch.ones(1, 1), torch.ones(27, 1, 1), source, target, SAME)


@pytest.mark.parametrize("kind", ["same", "down"])
def test_the_last_coordinates_of_all(backend: Backend, kind: str) -> None:
    rows = torch.tensor([[0, 65_535 - i, 65_535 - j, 65_535] for i in (0, 1) for j in (0, 2)])
    check(backend, kind, VoxelSet.from_coordinates(rows), 2, 2)


@pytest.mark.parametrize("kind", ["up2", "up4"])
def test_the_last_children_of_all(backend: Backend, kind: str) -> None:
    last = 32_767 if kind == "up2" else 32_766
    check(backend, kind, VoxelSet.from_coordinates(torch.tensor([[0, last, 0, last]])), 2, 2)
