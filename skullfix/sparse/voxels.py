"""Voxel sets: which cells of a grid are not empty, in one canonical order."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skullfix.errors import InputError

COORDINATE_BITS = 16
COORDINATE_LIMIT = 1 << COORDINATE_BITS  # exclusive, along each axis
BATCH_LIMIT = 1 << (63 - 3 * COORDINATE_BITS)

INTEGERS = (torch.int32, torch.int64, torch.int16, torch.int8, torch.uint8)


class VoxelSet:
    """The non-empty voxels of a batch of volumes, sorted and without duplicates.

    Row order is that of (batch, z, y, x), x fastest, so the same set always has the same rows,
    whoever made it. Coordinates are in units of the voxels of their own level: a strided
    convolution halves them, a transposed one doubles them.

    Attributes:
        coordinates: (N, 4) int32 rows (batch, z, y, x), each from 0 to 65,535.
        batch_size: Number of volumes, empty ones included.
        index: Whatever a backend keeps with the set to find rows again; None until it does.
    """

    __slots__ = ("_keys", "batch_size", "coordinates", "index")

    def __init__(self, coordinates: Tensor, batch_size: int, keys: Tensor | None = None) -> None:
        """Wrap rows that are sorted and unique already; `from_coordinates` takes any rows."""
        self.coordinates = coordinates
        self.batch_size = batch_size
        self.index: Any = None
        self._keys = keys

    @classmethod
    def from_coordinates(cls, coordinates: Tensor, batch_size: int | None = None) -> VoxelSet:
        """Make a set of arbitrary rows: sorts them and merges duplicates.

        Args:
            coordinates: (N, 4) integer rows (batch, z, y, x) in any order.
            batch_size: Number of volumes; by default one more than the largest batch index.

        Raises:
            InputError: A coordinate is negative or too large, or the shape is not (N, 4).
        """
        check_coordinates(coordinates)
        if batch_size is not None and not 0 <= batch_size <= BATCH_LIMIT:
            raise InputError(
                f"a batch of {batch_size} volumes, expected 0 to {BATCH_LIMIT}",
                hint="make smaller batches",
            )
        if batch_size is None:
            batch_size = int(coordinates[:, 0].max()) + 1 if len(coordinates) else 1
        elif len(coordinates) and int(coordinates[:, 0].max()) >= batch_size:
            raise InputError(
                f"a voxel belongs to volume {int(coordinates[:, 0].max())}, "
                f"but the batch holds {batch_size}",
                hint="batch indices run from 0 to batch_size - 1",
            )
        return cls.from_keys(torch.unique(encode(coordinates)), batch_size)

    @classmethod
    def from_keys(cls, keys: Tensor, batch_size: int) -> VoxelSet:
        """Make a set of sorted unique keys, (N,) int64 as `encode` gives them."""
        return cls(decode(keys), batch_size, keys)

    @property
    def keys(self) -> Tensor:
        """(N,) int64, ascending: each row packed into one number."""
        if self._keys is None:
            self._keys = encode(self.coordinates)
        return self._keys

    @property
    def device(self) -> torch.device:
        """Where the coordinates live."""
        return self.coordinates.device

    def __len__(self) -> int:
        return len(self.coordinates)

    def __repr__(self) -> str:
        return f"VoxelSet({len(self)} voxels, batch_size={self.batch_size}, {self.device})"

    def to(self, device: torch.device | str) -> VoxelSet:
        """Return the same set on a device; itself if it is there already."""
        moved = self.coordinates.to(device)
        return self if moved is self.coordinates else VoxelSet(moved, self.batch_size)

    def select(self, keep: Tensor) -> VoxelSet:
        """Keep the rows `keep` ((N,) bool, or ascending row numbers), in the same order."""
        return VoxelSet(self.coordinates[keep], self.batch_size)


def check_coordinates(coordinates: Tensor) -> None:
    """Refuse rows that are not (N, 4) integers from 0 to the limit of their column."""
    if coordinates.ndim != 2 or coordinates.shape[1] != 4:
        raise InputError(
            f"voxel coordinates have shape {tuple(coordinates.shape)}, expected (N, 4)",
            hint="each row is (batch, z, y, x)",
        )
    if coordinates.dtype not in INTEGERS:
        raise InputError(
            f"voxel coordinates are {coordinates.dtype}, expected int32 or another integer",
            hint="round to voxel indices, and give them as int32",
        )
    if not len(coordinates):
        return
    low, high = int(coordinates.min()), coordinates.amax(0).tolist()
    if low < 0 or max(high[1:]) >= COORDINATE_LIMIT or high[0] >= BATCH_LIMIT:
        raise InputError(
            f"voxel coordinates run from {low} to {high}, expected 0 to {COORDINATE_LIMIT - 1} "
            f"and fewer than {BATCH_LIMIT} volumes",
            hint="shift the volume so that its first voxel is at 0",
        )


def encode(coordinates: Tensor) -> Tensor:
    """Pack rows (N, 4) (batch, z, y, x) into (N,) int64 keys that sort like the rows."""
    batch, z, y, x = coordinates.to(torch.int64).unbind(1)
    bits = COORDINATE_BITS
    return (((batch << bits | z) << bits | y) << bits) | x


def decode(keys: Tensor) -> Tensor:
    """Unpack (N,) int64 keys into (N, 4) int32 rows (batch, z, y, x)."""
    bits, mask = COORDINATE_BITS, COORDINATE_LIMIT - 1
    columns = [keys >> 3 * bits, keys >> 2 * bits & mask, keys >> bits & mask, keys & mask]
    return torch.stack(columns, 1).to(torch.int32)
