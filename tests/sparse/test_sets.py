"""Operations on voxel sets: downsample, generate, union, find; and the limits of both engines."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import numpy as np
import oracle
import pytest
import torch
from voxel_set_cases import SETS, make_set, voxel_sets

from skullfix.errors import InputError, MemoryLimitError
from skullfix.sparse.backend import DEFAULT_VOXEL_CAP, Backend, get_backend
from skullfix.sparse.relation import UP2, UP4, Relation
from skullfix.sparse.voxels import VoxelSet

ENGINES = ("reference", "cpu")


def set_of(*rows: tuple[int, int, int, int], volumes: int | None = None) -> VoxelSet:
    return VoxelSet.from_coordinates(torch.tensor(rows).long().reshape(-1, 4), volumes)


@pytest.mark.parametrize("second", ["empty", "several-volumes"])
def test_union_and_find(backend: Backend, voxels: VoxelSet, second: str) -> None:
    check_union_and_find(backend, voxels, make_set(second))


@pytest.mark.parametrize("name", ENGINES)
@hypothesis.settings(max_examples=15)
@hypothesis.given(first=voxel_sets(), second=voxel_sets())
def test_union_and_find_of_random_sets(name: str, first: VoxelSet, second: VoxelSet) -> None:
    if first.coordinates.numel() and second.coordinates.numel():  # near enough for one bitmap
        distance = first.coordinates[0, 1:] - second.coordinates[0, 1:]
        hypothesis.assume(int(distance.abs().max()) < 1500)
    check_union_and_find(get_backend(name), first, second)


def check_union_and_find(backend: Backend, first: VoxelSet, second: VoxelSet) -> None:
    within = oracle.rows_of(second.coordinates)
    expected = [within.get(tuple(row), -1) for row in first.coordinates.tolist()]
    rows = backend.find(first, second)
    assert rows.dtype == torch.int64
    assert rows.tolist() == expected
    merged, rows_first, rows_second = backend.union(first, second)
    both = set(oracle.rows_of(first.coordinates)) | set(within)
    assert [tuple(row) for row in merged.coordinates.tolist()] == sorted(both)
    assert merged.batch_size == max(first.batch_size, second.batch_size)
    assert torch.equal(merged.coordinates[rows_first], first.coordinates)
    assert torch.equal(merged.coordinates[rows_second], second.coordinates)


def test_find_looks_in_the_right_volume(backend: Backend) -> None:
    voxels = set_of((0, 1, 1, 1), (2, 1, 1, 1), (4, 1, 1, 1))
    assert backend.find(voxels, set_of((2, 1, 1, 1))).tolist() == [-1, 0, -1]


def test_find_outside_the_box(backend: Backend) -> None:
    within = set_of((0, 100, 100, 100))
    around = [
        (0, 100 + z, 100 + y, 100 + x)
        for z in (-100, -1, 0, 1, 65_000)
        for y in (-2, 0, 2)
        for x in (-100, -65, -64, -63, -1, 0, 1, 62, 63, 64, 65_000)
    ]
    voxels = set_of(*around)
    found = [row == [0, 100, 100, 100] for row in voxels.coordinates.tolist()]
    assert (backend.find(voxels, within) >= 0).tolist() == found


@pytest.mark.parametrize("relation", [UP2, UP4], ids=lambda r: r.name)
def test_generate_up_to_the_cap(backend: Backend, relation: Relation) -> None:
    for name in SETS:
        voxels = make_set(name)
        children = backend.generate(voxels, relation, DEFAULT_VOXEL_CAP)
        again = backend.generate(voxels, relation, len(children))
        assert torch.equal(again.coordinates, children.coordinates)
        if len(voxels):
            with pytest.raises(MemoryLimitError, match=f"cap of {len(children) - 1:,}") as caught:
                backend.generate(voxels, relation, len(children) - 1)
            assert caught.value.hint
            assert caught.value.exit_code == 5


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize(("relation", "first_bad"), [(UP2, 32_768), (UP4, 32_767)])
def test_children_beyond_the_last_coordinate(
    backend: Backend, axis: int, relation: Relation, first_bad: int
) -> None:
    row = [0, 0, 0, 0]
    row[axis] = first_bad
    with pytest.raises(InputError, match="65535"):
        backend.generate(set_of((0, 0, 0, 0), tuple(row)), relation, DEFAULT_VOXEL_CAP)  # type: ignore[arg-type]
    row[axis] -= 1
    children = backend.generate(set_of(tuple(row)), relation, DEFAULT_VOXEL_CAP)  # type: ignore[arg-type]
    assert len(children) == relation.taps


def test_downsample_at_the_end_of_the_range(backend: Backend) -> None:
    coarse = backend.downsample(set_of((0, 65_535, 65_534, 65_535), (0, 65_534, 65_535, 65_534)))
    assert coarse.coordinates.tolist() == [[0, 32_767, 32_767, 32_767]]


def test_many_volumes(backend: Backend) -> None:
    rows = [(volume, 3, 3, 3) for volume in range(0, 1000, 7)]
    voxels = set_of(*rows, volumes=32_768)
    assert backend.downsample(voxels).coordinates[:, 0].tolist() == [row[0] for row in rows]
    assert backend.downsample(voxels).batch_size == 32_768


def test_a_box_too_large_for_a_bitmap_is_refused_and_works_with_the_reference() -> None:
    corners = set_of((0, 0, 0, 0), (0, 65_535, 65_535, 65_535), volumes=32_768)
    with pytest.raises(MemoryLimitError, match="box of") as caught:
        get_backend("cpu").downsample(corners)
    assert "--backend reference" in caught.value.hint
    coarse = get_backend("reference").downsample(corners)
    assert coarse.coordinates[:, 1].tolist() == [0, 32_767]


def _scattered(count: int) -> VoxelSet:
    """Voxels whose children under UP4 do not overlap."""
    side = round(count ** (1 / 3))
    z, y, x = np.indices((side,) * 3, np.int32).reshape(3, -1) * 2
    return VoxelSet(torch.from_numpy(np.stack([0 * z, z, y, x], 1)), 1)


@pytest.mark.parametrize(("relation", "cap"), [(UP2, 6_000_000), (UP4, 6_000_000)])
def test_refusing_takes_no_memory(backend: Backend, relation: Relation, cap: int) -> None:
    """The rows of a million voxels' children would take 128 MB and more."""
    voxels = _scattered(1_000_000)
    _, first = _peak_growth(lambda: _refused(backend, set_of((0, 0, 0, 0)), relation, 7))
    error, grown = _peak_growth(lambda: _refused(backend, voxels, relation, cap))
    assert "more than the cap of 6,000,000" in str(error)
    assert grown < 40 * 2**20, (grown, first)


def test_counting_children_that_overlap_takes_a_bitmap_only() -> None:
    """UP4 of 125,000 voxels: 8 million children would be 128 MB of rows; 1 million would fit."""
    voxels, backend = _scattered(125_000), get_backend("cpu")
    _peak_growth(lambda: _refused(backend, set_of((0, 0, 0, 0)), UP4, 63))
    error, grown = _peak_growth(lambda: _refused(backend, voxels, UP4, 1_500_000))
    assert "generate 8,000,000 voxels" in str(error)
    assert grown < 40 * 2**20


def _refused(backend: Backend, voxels: VoxelSet, relation: Relation, cap: int) -> MemoryLimitError:
    with pytest.raises(MemoryLimitError) as caught:
        backend.generate(voxels, relation, cap)
    return caught.value


def _peak_growth(work):  # type: ignore[no-untyped-def]
    """What `work` returns, and by how many bytes its peak passed what was resident before."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")
    except OSError:
        pytest.skip("this system does not tell a process's peak memory")

    def read(field: str) -> int:
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024

    before = read("VmRSS")
    result = work()
    return result, read("VmHWM") - before
