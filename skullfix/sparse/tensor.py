"""Sparse tensors: one feature vector for each voxel of a set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skullfix.sparse.voxels import VoxelSet


@dataclass(frozen=True, eq=False)
class SparseTensor:
    """Features on a voxel set.

    Attributes:
        features: (N, C) float, row i belongs to row i of ``voxels.coordinates``.
        voxels: The N voxels.
    """

    features: Tensor
    voxels: VoxelSet

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or len(self.features) != len(self.voxels):
            raise ValueError(
                f"features {tuple(self.features.shape)} do not fit {len(self.voxels)} voxels"
            )

    def with_features(self, features: Tensor) -> SparseTensor:
        """Return the same voxels with other features (N, C')."""
        return SparseTensor(features, self.voxels)

    def to(self, device: torch.device | str) -> SparseTensor:
        """Return the same tensor on a device; itself if it is there already."""
        features, voxels = self.features.to(device), self.voxels.to(device)
        here = features is self.features and voxels is self.voxels
        return self if here else SparseTensor(features, voxels)

    def dense(self, shape: tuple[int, int, int]) -> Tensor:
        """Spread onto a grid: (B, C, z, y, x), zero where there is no voxel."""
        batch, z, y, x = self.voxels.coordinates.long().unbind(1)
        grid = torch.zeros(
            (self.voxels.batch_size, *shape, self.features.shape[1]),
            dtype=self.features.dtype,
            device=self.features.device,
        )
        return grid.index_put((batch, z, y, x), self.features).permute(0, 4, 1, 2, 3)


def from_dense(grid: Tensor, occupied: Tensor) -> SparseTensor:
    """Take the occupied cells of a grid.

    Args:
        grid: (B, C, z, y, x) float.
        occupied: (B, z, y, x) bool.
    """
    coordinates = occupied.nonzero().to(torch.int32)  # row-major: sorted already
    voxels = VoxelSet(coordinates, occupied.shape[0])
    batch, z, y, x = coordinates.long().unbind(1)
    return SparseTensor(grid[batch, :, z, y, x], voxels)
