"""What the network sees: the voxels of the defective skull, placed about its centroid.

A network of five channels also sees the skull's mirror image, on the voxels of both.

The model's grid has its voxel (128, 128, 128) at the bone's centroid, so that the blocks of the
coarse levels always cover the same parts of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet, encode

OCCUPIED = 0.25  # a voxel enters the network when bone fills more than this fraction of it
CENTRE = 128
HEIGHT_MM = 165.0  # from the vertex down; jaw and neck below would only move the head's centre
_POSITION_UNIT_MM = 100.0
PLACED, MIRRORED = 4, 5  # channels of networks that are told the place, and the mirror image


@dataclass(frozen=True)
class ModelGrid:
    """Where array index (z, y, x) of a head lies among the network's coordinates.

    Attributes:
        offset: (z, y, x) added to an index to give a coordinate.
        spacing: Voxel spacing in mm.
        mirrored: Whether left and right are then exchanged about the model's centre.
    """

    offset: tuple[int, int, int]
    spacing: float
    mirrored: bool = False

    @classmethod
    def around(cls, rows: Tensor, fraction: Tensor, spacing: float) -> ModelGrid:
        """Centre on the bone: (N, 3) array indices (z, y, x) and (N,) fractions as weights."""
        weight = fraction.double()
        mean = (rows.double() * weight[:, None]).sum(0) / weight.sum().clamp(min=1e-9)
        z, y, x = (CENTRE - round(m) for m in mean.tolist())
        return cls((z, y, x), spacing)

    def moved(self, shift: NDArray[np.int64]) -> ModelGrid:
        """Return the same grid moved by whole voxels (z, y, x)."""
        z, y, x = (int(o + s) for o, s in zip(self.offset, shift, strict=True))
        return ModelGrid((z, y, x), self.spacing, self.mirrored)

    def coordinates(self, rows: Tensor) -> Tensor:
        """(N, 3) array indices (z, y, x) to (N, 4) int32 network coordinates, volume 0."""
        placed = rows.to(torch.int32) + torch.tensor(self.offset, dtype=torch.int32)
        if self.mirrored:
            placed[:, 2] = 2 * CENTRE - placed[:, 2]
        return torch.nn.functional.pad(placed, (1, 0))

    def indices(self, coordinates: Tensor) -> Tensor:
        """(N, 4) network coordinates to (N, 3) int64 array indices (z, y, x)."""
        placed = coordinates[:, 1:].long()
        if self.mirrored:
            placed[:, 2] = 2 * CENTRE - placed[:, 2]
        return placed - torch.tensor(self.offset)


def in_view(rows: Tensor, fraction: Tensor, spacing: float) -> Tensor:
    """(N,) bool, which voxels lie less than HEIGHT_MM below the highest one with bone.

    Args:
        rows: (N, 3) array indices (z, y, x), z upwards.
        fraction: (N,) of bone in each; OCCUPIED or less is none.
        spacing: Along z, mm.
    """
    bony = rows[fraction > OCCUPIED, 0]
    if not len(bony):
        return torch.ones(len(rows), dtype=torch.bool)
    return rows[:, 0] > int(bony.max()) - HEIGHT_MM / spacing


def input_tensor(
    rows: Tensor,
    fraction: Tensor,
    place: ModelGrid,
    in_channels: int,
    image: Tensor | None = None,
) -> SparseTensor:
    """Make the network's input for one volume.

    Args:
        rows: (N, 3) int64 array indices (z, y, x), sorted.
        fraction: (N,) float32 fraction of bone in each, 0 to 1.
        place: Their place on the model's grid.
        in_channels: 1 gives the fraction; 4 adds the position (z, y, x) relative to the model's
            centre in units of 100 mm; 5 adds the mirror image.
        image: (N,) float32 fraction of the skull's mirror image, for 5 channels.

    Returns:
        (M, in_channels) on the voxels with more than OCCUPIED bone or mirror image. Voxels
        outside the model's 0 to 255 are left out.
    """
    if (in_channels == MIRRORED) != (image is not None):
        raise ValueError(
            f"{in_channels} channels {'with' if image is not None else 'without'} image"
        )
    most = fraction if image is None else torch.maximum(fraction, image)
    keep = (most > OCCUPIED).nonzero()[:, 0]
    coordinates = place.coordinates(rows[keep])
    inside = ((coordinates[:, 1:] >= 0) & (coordinates[:, 1:] < 2 * CENTRE)).all(1)
    keep, coordinates = keep[inside], coordinates[inside]
    if place.mirrored:
        order = torch.argsort(encode(coordinates))
        keep, coordinates = keep[order], coordinates[order]
    features = fraction[keep][:, None]
    if in_channels >= PLACED:
        scale = place.spacing / _POSITION_UNIT_MM
        features = torch.cat([features, (coordinates[:, 1:] - CENTRE).float() * scale], 1)
    if image is not None:
        features = torch.cat([features, image[keep][:, None]], 1)
    return SparseTensor(features, VoxelSet(coordinates, 1))
