"""A piece taken from a mirrored head leaves what mirroring the rest gives."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from skullfix.images.midplane import FAINT, Plane, with_mirror_image
from skullfix.images.volume import Geometry
from skullfix.training.twin import Twin

SIDE = 14
GRID = Geometry((SIDE,) * 3, (2.0,) * 3, (-14.0, -13.0, 5.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
ROUNDING = 1e-5


def dense(rows: Tensor, columns: Tensor) -> Tensor:
    """Lay voxels out, with room for a mirror image."""
    room = torch.zeros(3 * SIDE, 3 * SIDE, 3 * SIDE, 2)
    room[tuple((rows + SIDE).unbind(1))] = columns
    return room


@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_without_a_piece_it_is_the_mirror_image_of_the_rest(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    filled = torch.from_numpy(rng.random((SIDE,) * 3) < rng.uniform(0.1, 0.9))
    filled[tuple(rng.integers(SIDE, size=3))] = True
    rows = filled.nonzero()
    skull = torch.from_numpy(rng.uniform(0.01, 1, len(rows)).astype(np.float32))
    plane = Plane.through(np.array([0, 0, 19.0]) + rng.normal(0, 2, 3), [1, *rng.normal(0, 0.2, 2)])
    chosen = torch.from_numpy(rng.random(len(rows)) < share)
    part = torch.from_numpy(rng.uniform(0, 1, len(rows)).astype(np.float32)).round(decimals=1)
    piece = skull * part * chosen

    found, columns = Twin.of(rows, skull, GRID, plane).without(piece)
    left = skull - piece
    assert torch.equal(found, found.unique(dim=0))
    assert bool((columns.sum(1) > 0).all())
    result = dense(found, columns)
    kept = left > 0
    expected = torch.zeros_like(result)
    if bool(kept.any()):
        expected = dense(*with_mirror_image(rows[kept], left[kept], GRID, plane))
    assert torch.equal(result[..., 0], expected[..., 0])
    differ = (result[..., 1] - expected[..., 1]).abs()
    doubtful = torch.maximum(result[..., 1], expected[..., 1]) < FAINT + ROUNDING
    assert bool(((differ < ROUNDING) | doubtful).all())
