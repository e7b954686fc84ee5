"""Both ways through the registers: each runs on every processor, whichever it prefers."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
import torch

from skullfix.sparse.cpu import product
from skullfix.sparse.cpu.convolve import packed, see, sight
from skullfix.sparse.cpu.simd import vector16, wide_registers
from skullfix.sparse.cpu.table import TILE, new_table
from skullfix.sparse.relation import SAME
from skullfix.sparse.voxels import VoxelSet


def rows_by(multiply: Any) -> Any:
    """Compute all rows with one of the kernels."""

    @numba.njit
    def rows(out, weight, bias, floor, coordinates, words, prefix, frame, rule, within, f, nothing):  # type: ignore[no-untyped-def]
        table, seen = new_table(weight.shape[1])
        for first in range(0, len(coordinates), TILE):
            count = min(TILE, len(coordinates) - first)
            see(
                table, seen, first, count,
                coordinates, words, prefix, frame, rule, within, f, nothing,
            )  # fmt: skip
            multiply(out, first, count, table, seen, weight, bias, floor, vector16(weight))

    return rows


@pytest.mark.parametrize("voxels", [1, 3, 4, 5, 8, 37, 400])
def test_four_rows_at_a_time_give_the_bytes_of_eight(voxels: int) -> None:
    rng = np.random.default_rng(voxels)
    places = rng.choice(9**3, voxels, replace=False)
    coordinates = np.stack([np.zeros(voxels, int), *np.unravel_index(places, (9, 9, 9))], 1)
    voxel_set = VoxelSet.from_coordinates(torch.from_numpy(coordinates.astype(np.int32)), 1)
    features = torch.from_numpy(rng.normal(size=(voxels, 5)).astype(np.float32))
    weight = packed(torch.from_numpy(rng.normal(size=(27, 5, 32)).astype(np.float32)))
    view = sight(features, voxel_set, voxel_set, SAME)
    bias = rng.normal(size=32).astype(np.float32)
    found = []
    for kernel in (product.multiply, product.multiply_halves):
        out = np.full((voxels, 32), np.nan, np.float32)
        rows_by(kernel)(out, weight, bias, np.float32(0), *view)
        found.append(out)
    np.testing.assert_array_equal(found[0], found[1])
    assert found[0].any()


def test_the_processor_chooses() -> None:
    wanted = product.multiply if wide_registers() else product.multiply_halves
    assert product.multiply_wide is wanted
