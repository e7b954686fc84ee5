"""Voxel sets: order, duplicates, what is refused."""

from __future__ import annotations

import hypothesis
import pytest
import torch
from hypothesis import strategies as st

from skullfix.errors import InputError
from skullfix.sparse.voxels import BATCH_LIMIT, VoxelSet, decode, encode

ROWS = st.lists(st.tuples(st.integers(0, BATCH_LIMIT - 1), *[st.integers(0, 65_535)] * 3))


@hypothesis.given(rows=ROWS)
def test_keys_sort_like_rows_and_lead_back(rows: list[tuple[int, ...]]) -> None:
    coordinates = torch.tensor(rows, dtype=torch.int64).reshape(-1, 4)
    keys = encode(coordinates)
    assert bool((keys >= 0).all())
    assert decode(keys).tolist() == coordinates.tolist()
    assert [rows[i] for i in torch.argsort(keys, stable=True).tolist()] == sorted(rows)


@hypothesis.given(rows=ROWS)
def test_a_set_is_sorted_and_without_duplicates(rows: list[tuple[int, ...]]) -> None:
    voxels = VoxelSet.from_coordinates(torch.tensor(rows + rows[::-1]).long().reshape(-1, 4))
    assert [tuple(row) for row in voxels.coordinates.tolist()] == sorted(set(rows))
    assert voxels.coordinates.dtype == torch.int32
    assert torch.equal(voxels.keys, encode(voxels.coordinates))
    assert voxels.batch_size == max((row[0] for row in rows), default=0) + 1


@pytest.mark.parametrize(
    "row",
    [
        (0, -1, 0, 0),
        (0, 0, 65_536, 0),
        (0, 0, 0, 2**31),
        (-1, 0, 0, 0),
        (BATCH_LIMIT, 0, 0, 0),
        (2**62, 0, 0, 0),
        (0, 2**63 - 1, 0, 0),
        (0, 0, 0, -(2**63)),
    ],
)
def test_coordinates_out_of_range_are_refused(row: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="voxel coordinates run from") as caught:
        VoxelSet.from_coordinates(torch.tensor([[0, 1, 2, 3], row], dtype=torch.int64))
    assert caught.value.hint


@pytest.mark.parametrize("shape", [(0,), (4,), (3, 3), (2, 5), (1, 2, 4), (0, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected \(N, 4\)"):
        VoxelSet.from_coordinates(torch.zeros(shape, dtype=torch.int32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64, torch.bool, torch.uint16])
def test_other_types_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(InputError, match="expected int32"):
        VoxelSet.from_coordinates(torch.zeros(2, 4, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64])
def test_any_integer_will_do(dtype: torch.dtype) -> None:
    voxels = VoxelSet.from_coordinates(torch.tensor([[0, 1, 2, 3]], dtype=dtype))
    assert voxels.coordinates.tolist() == [[0, 1, 2, 3]]


def test_a_voxel_of_a_volume_that_the_batch_lacks() -> None:
    with pytest.raises(InputError, match="belongs to volume 2, but the batch holds 2"):
        VoxelSet.from_coordinates(torch.tensor([[2, 0, 0, 0]]), 2)


@pytest.mark.parametrize("size", [-1, BATCH_LIMIT + 1, 2**70])
def test_impossible_batches_are_refused(size: int) -> None:
    with pytest.raises(InputError, match="expected 0 to"):
        VoxelSet.from_coordinates(torch.zeros(0, 4, dtype=torch.int32), size)


def test_select_keeps_order_and_batch_size() -> None:
    voxels = VoxelSet.from_coordinates(torch.tensor([[0, 0, 0, 3], [1, 0, 0, 1]]), 5)
    assert voxels.select(torch.tensor([False, True])).coordinates.tolist() == [[1, 0, 0, 1]]
    assert voxels.select(torch.tensor([False, False])).batch_size == 5
