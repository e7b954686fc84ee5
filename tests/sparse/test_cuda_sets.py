"""The `cuda` engine's voxel sets against the reference's, and what its bitmaps refuse."""

from __future__ import annotations

import cuda_on_anything  # noqa: F401  skips where Triton is not installed
import pytest
import torch
from cuda_on_anything import DEVICE
from voxel_set_cases import SETS, make_set

from skullfix.errors import MemoryLimitError
from skullfix.sparse.backend import get_backend
from skullfix.sparse.cuda import sets
from skullfix.sparse.cuda.bitmap import Bitmap, bitmap_of
from skullfix.sparse.cuda.engine import CudaBackend
from skullfix.sparse.relation import UP2, UP4
from skullfix.sparse.voxels import VoxelSet

ENGINE = CudaBackend()
REFERENCE = get_backend("reference")


def on_device(name: str) -> VoxelSet:
    voxels = make_set(name)
    return VoxelSet(voxels.coordinates.to(DEVICE), voxels.batch_size)


def assert_same(found: VoxelSet, expected: VoxelSet) -> None:
    assert torch.equal(found.coordinates, expected.coordinates)
    assert found.coordinates.dtype == torch.int32
    assert found.batch_size == expected.batch_size


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "sorted"])
@pytest.mark.parametrize("name", sorted(SETS))
def test_sets_are_the_references(name: str, marked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not marked:
        monkeypatch.setattr(sets, "MARKED", 0)
    voxels, other = on_device(name), on_device("several-volumes")
    assert_same(ENGINE.downsample(voxels), REFERENCE.downsample(voxels))
    for relation in (UP2, UP4):
        assert_same(
            ENGINE.generate(voxels, relation, 10**6), REFERENCE.generate(voxels, relation, 10**6)
        )
    assert_same(ENGINE.join(voxels, other), REFERENCE.join(voxels, other))


@pytest.mark.parametrize("name", sorted(set(SETS) - {"far-apart"}))
def test_rows_are_found(name: str) -> None:
    voxels, other = on_device(name), on_device("several-volumes")
    for first, second in ((voxels, other), (other, voxels), (voxels, voxels)):
        assert torch.equal(ENGINE.find(first, second), REFERENCE.find(first, second))
    merged, rows, others = ENGINE.union(voxels, other)
    assert torch.equal(merged.coordinates[rows], voxels.coordinates)
    assert torch.equal(merged.coordinates[others], other.coordinates)


def test_a_union_that_adds_nothing_is_the_set_itself() -> None:
    voxels = on_device("full-block")
    assert ENGINE.join(voxels, voxels.select(torch.arange(5))) is voxels


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "sorted"])
@pytest.mark.parametrize("relation", [UP2, UP4], ids=lambda r: r.name)
def test_the_cap(relation, marked: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    if not marked:
        monkeypatch.setattr(sets, "MARKED", 0)
    voxels = on_device("full-block")
    count = len(ENGINE.generate(voxels, relation, 10**6))
    assert len(ENGINE.generate(voxels, relation, count)) == count
    with pytest.raises(MemoryLimitError, match="cap"):
        ENGINE.generate(voxels, relation, count - 1)


def test_an_entry_holds_bits_and_the_rows_before() -> None:
    rows = [(0, 0, 0, 3), (0, 0, 0, 34), (0, 0, 0, 67), (0, 0, 1, 3)]
    voxels = VoxelSet.from_coordinates(torch.tensor(rows, device=DEVICE))
    entries, box = bitmap_of(voxels)
    assert (box.low, box.shape) == ((0, 0, 3), (1, 1, 2, 96))
    expected = [(0, 1 << 31 | 1), (2, 0), (2, 1), (3, 1), (4, 0), (4, 0)]
    assert [(int(e) >> 32, int(e) & 0xFFFFFFFF) for e in entries] == expected
    assert isinstance(voxels.index, Bitmap)


def test_voxels_too_far_apart_are_refused() -> None:
    ends = torch.tensor([[0, 0, 0, 0], [0, 65_535, 65_535, 65_535]], device=DEVICE)
    voxels = VoxelSet.from_coordinates(ends)
    assert len(ENGINE.join(voxels, voxels)) == 2
    with pytest.raises(MemoryLimitError, match="backend reference"):
        ENGINE.find(voxels, voxels)
