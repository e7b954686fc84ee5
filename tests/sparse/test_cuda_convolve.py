"""The `cuda` engine's convolutions against the dense oracle and the reference, and their types."""

from __future__ import annotations

from collections.abc import Iterator

import cuda_on_anything
import hypothesis
import numpy as np
import pytest
import torch
from cuda_on_anything import DEVICE
from hypothesis import strategies as st
from test_convolve import KINDS, check, target_set
from test_fused import parts
from voxel_set_cases import make_set, random_features, voxel_sets

from skullfix.sparse.backend import get_backend
from skullfix.sparse.cuda.engine import CudaBackend
from skullfix.sparse.relation import DOWN, SAME, UP2, UP4, Relation
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

ENGINE = CudaBackend()
REFERENCE = get_backend("reference")


@pytest.fixture(autouse=True)
def _on_the_device() -> Iterator[None]:
    """Tensors are made where the kernels run."""
    with torch.device(DEVICE):
        yield


def mixed() -> VoxelSet:
    """A batch: a full block, nothing, one voxel, a checkerboard over the edge of a word, a line."""
    block = np.argwhere(np.ones((3, 3, 3)))
    board = np.array([(z + 1, y + 2, x + 29) for z, y, x in np.ndindex(4, 4, 4) if (z + y + x) % 2])
    line = np.stack([np.arange(40), np.full(40, 7), np.full(40, 5)], 1)
    volumes = [block, np.zeros((0, 3), int), np.array([[5, 63, 64]]), board, line]
    rows = [np.insert(part, 0, number, 1) for number, part in enumerate(volumes)]
    return VoxelSet.from_coordinates(torch.tensor(np.concatenate(rows), dtype=torch.int32), 6)


def few() -> VoxelSet:
    """Seven voxels of two volumes, odd and even."""
    rows = [(0, 0, 0, 0), (0, 0, 0, 1), (0, 1, 1, 1), (0, 3, 2, 5), (1, 0, 0, 0), (1, 2, 1, 31)]
    return VoxelSet.from_coordinates(torch.tensor([*rows, (1, 2, 1, 32)], dtype=torch.int32))


def pair() -> VoxelSet:
    """Two neighbours, whose children overlap under UP4."""
    return VoxelSet.from_coordinates(torch.tensor([(0, 1, 2, 15), (0, 1, 2, 16)]))


@pytest.mark.parametrize("kind", ["same", "down", "up2"])
def test_all_kinds_of_volumes_in_a_batch(kind: str) -> None:
    check(ENGINE, kind, mixed(), 3, 5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["empty", "no-volume"])
def test_sets_without_voxels(kind: str, name: str) -> None:
    check(ENGINE, kind, make_set(name), 3, 5)


def test_children_that_overlap() -> None:
    check(ENGINE, "up4", pair(), 2, 3)


@pytest.mark.parametrize(("c_in", "c_out"), [(1, 1), (70, 17), (17, 70)])
def test_more_channels_than_a_tile(c_in: int, c_out: int) -> None:
    check(ENGINE, "down", few(), c_in, c_out)


def test_no_sum_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter watches every operation on int32, at the last coordinates of all."""
    if DEVICE == "cpu":
        builder = cuda_on_anything.interpreter.interpreter_builder
        monkeypatch.setattr(builder, "options", cuda_on_anything.CHECKED)
    last = torch.tensor([[0, 65_535, 65_535, x] for x in (65_503, 65_504, 65_534, 65_535)])
    source, weight = VoxelSet.from_coordinates(last), torch.randn(27, 2, 2)
    features = random_features(source, 2)
    found, expected = (
        engine.convolve(features, weight, source, source, SAME) for engine in (ENGINE, REFERENCE)
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_gradcheck() -> None:
    source, target = few(), ENGINE.downsample(few())
    features = random_features(source, 2).double().requires_grad_()
    weight = torch.randn(8, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda f, w: ENGINE.convolve(f, w, source, target, DOWN), (features, weight), fast_mode=True
    )


@hypothesis.settings(max_examples=6)
@hypothesis.given(first=voxel_sets(), second=voxel_sets(), kind=st.sampled_from(["same", "down"]))
def test_any_target(first: VoxelSet, second: VoxelSet, kind: str) -> None:
    """A target that does not come from the source: what is not seen counts as zero."""
    volumes = max(first.batch_size, second.batch_size)
    source = VoxelSet(first.coordinates.to(DEVICE), volumes)
    target = VoxelSet(second.coordinates.to(DEVICE), volumes)
    relation = KINDS[kind]
    features, weight = random_features(source, 2), torch.randn(relation.taps, 2, 3)
    found, expected = (
        engine.convolve(features, weight, source, target, relation)
        for engine in (ENGINE, REFERENCE)
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("relation", [SAME, DOWN, UP2, UP4], ids=lambda r: r.name)
def test_convolution_skip_and_heads_in_one(relation: Relation) -> None:
    source = pair() if relation is UP4 else few()
    other, target = ENGINE.downsample(source), target_set(ENGINE, source, relation)
    weight, bias, heads = (part.to(DEVICE) for part in parts(relation, 2, 3))
    features, added = random_features(source, 2), SparseTensor(random_features(other, 3, 4), other)
    arguments = (features, weight, bias, source, target, relation)
    y, scores = ENGINE.fused(*arguments, added=added, heads=heads)
    expected = REFERENCE.fused(*arguments, added=added, heads=heads)
    torch.testing.assert_close(y, expected[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(scores, expected[1], rtol=1e-4, atol=1e-4)


def test_heads_alone() -> None:
    source = few()
    weight, bias, heads = (part.to(DEVICE) for part in parts(DOWN, 2, 3))
    arguments = (random_features(source, 2), weight, bias, source, ENGINE.downsample(source), DOWN)
    y, scores = ENGINE.fused(*arguments, heads=heads, keep=False)
    assert y.shape == (0, 3)
    torch.testing.assert_close(scores, ENGINE.fused(*arguments, heads=heads)[1])


def test_heads_over_more_channels_than_a_tile() -> None:
    source = few()
    weight, bias, heads = (part.to(DEVICE) for part in parts(DOWN, 2, 70))
    arguments = (random_features(source, 2), weight, bias, source, ENGINE.downsample(source), DOWN)
    found, expected = (engine.fused(*arguments, heads=heads)[1] for engine in (ENGINE, REFERENCE))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_voxels_that_joined_have_no_convolution() -> None:
    source, other = few(), ENGINE.downsample(few())
    joined = ENGINE.join(source, other)
    weight, bias, _ = (part.to(DEVICE) for part in parts(SAME, 2, 3))
    features = random_features(source, 2)
    y, scores = ENGINE.fused(features, weight, bias, source, joined, SAME)
    expected, _ = REFERENCE.fused(features, weight, bias, source, joined, SAME)
    assert scores.shape == (len(joined), 0)
    assert not y[ENGINE.find(joined, source) < 0].any()
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "operand", "bound"),
    [("cuda-bf16", torch.bfloat16, 2**-7), ("cuda-fp16", torch.float16, 2**-10)],
)
def test_rounded_operands(name: str, operand: torch.dtype, bound: float) -> None:
    """Sums of rounded operands are exact to float32; so the error is that of the rounding."""
    source, engine = few(), CudaBackend(name)
    features = random_features(source, 20).requires_grad_()
    weight = torch.randn(8, 20, 18, generator=torch.Generator(DEVICE).manual_seed(1)) / 8
    weight.requires_grad_()
    target = engine.downsample(source)
    results = []
    for one, inputs in ((engine, (features, weight)), (REFERENCE, (features, weight))):
        out = one.convolve(*inputs, source, target, DOWN)
        assert out.dtype == torch.float32
        results.append((out, *torch.autograd.grad(out.square().sum(), inputs)))
    for found, expected in zip(*results, strict=True):
        assert found.dtype == torch.float32
        error = float((found - expected).detach().norm() / expected.detach().norm())
        assert 0 < error < bound
    rounded = [tensor.detach().to(operand).float() for tensor in (features, weight)]
    expected = REFERENCE.convolve(*rounded, source, target, DOWN)
    torch.testing.assert_close(results[0][0].detach(), expected, rtol=1e-5, atol=1e-5)
    y, scores = engine.fused(
        features, weight, torch.zeros(18), source, target, DOWN, heads=torch.ones(1, 19)
    )
    assert (y.dtype, scores.dtype) == (operand, torch.float32)
    torch.testing.assert_close(y, torch.relu(expected).detach().to(operand), rtol=bound, atol=1e-3)
    torch.testing.assert_close(
        scores[:, 0], torch.relu(expected).detach().sum(1) + 1, rtol=1e-4, atol=1e-4
    )
