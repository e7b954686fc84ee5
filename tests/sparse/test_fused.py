"""Convolution, skip and heads in one pass, against the same done one after the other."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from voxel_set_cases import make_set, random_features

from skullfix.sparse.backend import DEFAULT_VOXEL_CAP, Backend, get_backend
from skullfix.sparse.relation import DOWN, SAME, UP2, UP4, Relation
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet


def target_of(backend: Backend, voxels: VoxelSet, relation: Relation) -> VoxelSet:
    if relation is SAME:
        return voxels
    if relation is DOWN:
        return backend.downsample(voxels)
    return backend.generate(voxels, relation, DEFAULT_VOXEL_CAP)


def parts(relation: Relation, c_in: int, c_out: int) -> tuple[torch.Tensor, ...]:
    seeded = torch.Generator().manual_seed(3)
    draw = partial(torch.randn, generator=seeded, device="cpu")
    return draw(relation.taps, c_in, c_out), draw(c_out), draw(2, c_out + 1)


@pytest.mark.parametrize("relation", [SAME, DOWN, UP2, UP4], ids=lambda r: r.name)
@pytest.mark.parametrize("channels", [(3, 5)])
def test_it_is_the_operations_one_by_one(
    backend: Backend, voxels: VoxelSet, relation: Relation, channels: tuple[int, int]
) -> None:
    plain = get_backend("reference")
    target = target_of(backend, voxels, relation)
    weight, bias, heads = parts(relation, *channels)
    features = random_features(voxels, channels[0])
    other = make_set("several-volumes")
    other = VoxelSet(
        other.coordinates[other.coordinates[:, 0] < target.batch_size], target.batch_size
    )
    added = SparseTensor(random_features(other, channels[1], 4), other)
    expected = torch.relu(plain.convolve(features, weight, voxels, target, relation) + bias)
    rows = plain.find(target, other)
    expected = (
        expected + torch.where(rows[:, None] >= 0, added.features[rows], 0)
        if len(other)
        else expected
    )
    scores = expected @ heads[:, :-1].T + heads[:, -1]
    for keep in (True, False):
        y, found = backend.fused(
            features, weight, bias, voxels, target, relation, added=added, heads=heads, keep=keep
        )
        torch.testing.assert_close(found, scores, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(y, expected if keep else expected[:0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("other", ["full-block", "corners", "empty"])
def test_voxels_that_joined_have_no_convolution(backend: Backend, other: str) -> None:
    """On a union, the voxels that the source lacks get the skip alone: no bias, no neighbours."""
    voxels, second = make_set("checkerboard"), make_set(other)
    joined = backend.join(voxels, second)
    assert torch.equal(joined.coordinates, backend.union(voxels, second)[0].coordinates)
    weight, bias, _ = parts(SAME, 2, 3)
    features = random_features(voxels, 2)
    alone, _ = backend.fused(features, weight, bias, voxels, voxels, SAME)
    y, scores = backend.fused(features, weight, bias, voxels, joined, SAME)
    rows = backend.find(joined, voxels)
    assert scores.shape == (len(joined), 0)
    assert not y[rows < 0].any()
    torch.testing.assert_close(y[rows >= 0], alone)
