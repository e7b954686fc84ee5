"""Voxel sets that break engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from hypothesis import strategies as st

from skullfix.sparse.voxels import VoxelSet

LAST = 65_535


def _rows(*rows: tuple[int, ...]) -> np.ndarray:
    return np.array(rows, np.int32).reshape(-1, 4)


def _block(size: int) -> np.ndarray:
    z, y, x = np.indices((size,) * 3).reshape(3, -1)
    return np.stack([0 * z, z, y, x], 1)


def _scattered(seed: int, count: int, extent: tuple[int, int, int], low: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    place = low + rng.integers(0, extent, (count, 3))
    return np.concatenate([np.zeros((count, 1), np.int64), place], 1)


def _line(axis: int) -> np.ndarray:
    rows = np.zeros((130, 4), np.int64)
    rows[:, axis] = np.arange(130)
    return rows


def _checkerboard() -> np.ndarray:
    rows = _block(8)
    return rows[rows[:, 1:].sum(1) % 2 == 0]


def _runs() -> np.ndarray:
    """Lines of runs along x, 1 to 17 voxels long, that begin at every place of a word."""
    line = [n * (n + 1) // 2 + n + i for n in range(17) for i in range(n + 1)]
    return np.array(
        [(0, z, y, x + 5 * (3 * z + y)) for z in (0, 1) for y in range(3) for x in line]
    )


def _far_apart() -> np.ndarray:
    corner, edge = np.array((0, 697, 697, 697)), np.array((0, 0, 699, 0))
    return np.concatenate([_block(2), _block(3) + corner, _line(3) + edge])


def _in_volume(rows: np.ndarray, volume: int) -> np.ndarray:
    return np.concatenate([np.full((len(rows), 1), volume), rows[:, 1:]], 1)


SETS: dict[str, tuple[Callable[[], np.ndarray], int]] = {
    "empty": (lambda: _rows(), 1),
    "no-volume": (lambda: _rows(), 0),
    "one-at-zero": (lambda: _rows((0, 0, 0, 0)), 1),
    "one-odd": (lambda: _rows((0, 5, 63, 64)), 1),
    "full-block": (lambda: _block(9), 1),
    "checkerboard": (_checkerboard, 1),
    "line-z": (lambda: _line(1), 1),
    "line-y": (lambda: _line(2), 1),
    "line-x": (lambda: _line(3), 1),
    "corners": (
        lambda: _rows(*[(0, z, y, x) for z in (0, 64) for y in (0, 65) for x in (0, 66)]),
        1,
    ),
    "odd-extent": (lambda: _scattered(1, 500, (5, 7, 71)), 1),
    "past-512": (lambda: _scattered(2, 200, (6, 6, 6), 511), 1),
    "far-apart": (_far_apart, 1),
    "several-volumes": (
        lambda: np.concatenate([_scattered(3, 60, (5, 5, 5)), _in_volume(_block(4), 2)]),
        3,
    ),
    "last-volumes-empty": (lambda: _scattered(4, 60, (5, 5, 5)), 4),
    "unsorted-twice": (
        lambda: np.concatenate([_block(3)[::-1], _scattered(5, 90, (4, 4, 4)), _block(3)]),
        1,
    ),
    "runs": (_runs, 1),
    "word-edges": (
        lambda: _rows(*[(0, 1, y, x) for y in (0, 1) for x in (61, 62, 63, 64, 65, 126, 127, 128)]),
        1,
    ),
}


def make_set(name: str) -> VoxelSet:
    """One of SETS."""
    rows, volumes = SETS[name]
    return VoxelSet.from_coordinates(torch.from_numpy(np.array(rows(), np.int32)), volumes)


@st.composite
def voxel_sets(draw: st.DrawFn) -> VoxelSet:
    """A few voxels in a clump or two, somewhere, in several volumes."""
    base = draw(st.tuples(*[st.sampled_from([0, 1, 511, 30_000])] * 3))
    origins = st.tuples(*[st.sampled_from([0, 1, 57, 62, 63, 64, 300])] * 3)
    points = st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=15)
    rows = [
        (volume, *(n + o + p for n, o, p in zip(base, origin, point, strict=True)))
        for volume in range(draw(st.integers(1, 3)))
        for origin in draw(st.lists(origins, max_size=2))
        for point in draw(points)
    ]
    coordinates = torch.tensor(rows, dtype=torch.int32).reshape(-1, 4)
    volumes = max((row[0] for row in rows), default=0) + 1 + draw(st.integers(0, 2))
    return VoxelSet.from_coordinates(coordinates, volumes)


def drawn(shape: Sequence[int], seed: int, device: torch.device) -> torch.Tensor:
    """Normal random numbers, the same for a seed on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, device="cpu").to(device)


def random_features(voxels: VoxelSet, channels: int, seed: int = 0) -> torch.Tensor:
    """(N, channels) float32, the same for the same set."""
    return drawn((len(voxels), channels), seed, voxels.device)
