"""One training sample: a random head with a random defect, as sparse tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.cases.defects import random_defect
from skullfix.errors import InputError
from skullfix.images.midplane import midsagittal_plane, with_mirror_image
from skullfix.networks.features import MIRRORED, ModelGrid, input_tensor
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet
from skullfix.training.augment import Head
from skullfix.training.heads import Heads

OWN_DEFECT_SHARE = 0.25  # of the samples use the case's own (challenge) defect
INTACT_SHARE = 0.06  # have no defect: the right answer is nothing
TARGET_FRACTION = 0.1  # a voxel with more implant than this must be reached by the decoder
SMALLEST_DEFECT = 40  # voxels that are mostly implant
JUDGED = 5  # every how many voxels tell a defect's volume
_TRIES = 20


@dataclass(frozen=True, eq=False)
class Sample:
    """Input and truth, for one volume or a batch.

    Attributes:
        inputs: (N, C) features on the defective skull's voxels.
        wanted: Voxels that the decoder must reach: the implant and one voxel around it.
        truth: (M, 1) implant occupancy 0 to 1 on the voxels of ``wanted``.
    """

    inputs: SparseTensor
    wanted: VoxelSet
    truth: Tensor

    def to(self, device: torch.device | str) -> Sample:
        """Return the same sample on a device."""
        return Sample(self.inputs.to(device), self.wanted.to(device), self.truth.to(device))


def draw_batch(
    heads: Heads, in_channels: int, size: int, key: tuple[int, int], *, first: int = 0
) -> Sample:
    """Take heads and cut defects.

    Args:
        heads: The stock of deformed heads.
        in_channels: Features that the network takes, see `input_tensor`.
        size: Volumes in the batch.
        key: Seed and step; the same key gives the same volumes.
        first: Number of the first volume: processes that share a step take parts of one batch.

    Raises:
        InputError: No defect can be cut.
    """
    seed, step = key
    samples = []
    for number in range(first, first + size):
        rng = np.random.default_rng((seed, 2, step, number))
        head = heads.get(number, step)
        implant = _draw_implant(head, heads.spacing, rng)
        shift = rng.integers(-4, 5, 3)
        samples.append(make_sample(head, implant, heads.spacing, in_channels, shift=shift))
    return collate(samples)


def _draw_implant(head: Head, spacing: float, rng: np.random.Generator) -> Tensor:
    """Draw what is cut out of a head: its own piece, a random one, or nothing."""
    draw = float(rng.random())
    if draw > 1 - INTACT_SHARE:
        return torch.zeros_like(head.skull)
    if draw < OWN_DEFECT_SHARE and int((head.implant > 0.5).sum()) >= SMALLEST_DEFECT:
        return head.implant
    for _ in range(_TRIES):
        cut = cut_defect(head, spacing, rng, thin=JUDGED)
        if cut is not None and int((cut > 0.5).sum()) >= SMALLEST_DEFECT:
            return cut
    raise InputError(
        f"no defect could be cut in {_TRIES} tries",
        hint="are the training skulls complete, and as large as a head?",
    )


def cut_defect(
    head: Head,
    spacing: float,
    rng: np.random.Generator,
    family: str | None = None,
    *,
    thin: int = 1,
) -> Tensor | None:
    """(N,) fraction of each voxel that a random defect takes from a head, None if none fits.

    Args:
        head: The complete skull.
        spacing: Of its grid, mm.
        rng: Source of randomness; the same state gives the same defect.
        family: One of `skullfix.cases.defects.FAMILIES`, or None for a random one.
        thin: Every how many voxels of the head its volume is judged by, to save time.
    """
    points, fractions = head.points(), head.skull.numpy()
    defect = random_defect(points[::thin], thin * fractions[::thin], spacing, rng, family)
    if defect is None:
        return None
    return torch.from_numpy(defect.removed(points, spacing) * fractions)


def make_sample(
    head: Head,
    implant: Tensor,
    spacing: float,
    in_channels: int,
    *,
    shift: NDArray[np.int64] | None = None,
) -> Sample:
    """Cut an implant out of a head and lay input and truth on the model's grid.

    Args:
        head: The complete skull.
        implant: (N,) fraction of each voxel taken away.
        spacing: Voxel spacing in mm.
        in_channels: See `input_tensor`.
        shift: (3,) whole voxels (z, y, x) by which the model's grid is moved.
    """
    defective = head.skull - implant
    place = ModelGrid.around(head.rows, defective, spacing)
    if shift is not None:
        place = place.moved(shift)
    inputs = _inputs(head, implant, place, in_channels)
    taken = implant > 0
    if not bool(taken.any()):
        empty = VoxelSet(torch.zeros(0, 4, dtype=torch.int32), 1)
        return Sample(inputs, empty, torch.zeros(0, 1))
    wanted, truth = _surroundings(head.rows[taken], implant[taken])
    voxels = VoxelSet(place.coordinates(wanted), 1)
    return Sample(inputs, voxels, truth[:, None])


def _inputs(head: Head, implant: Tensor, place: ModelGrid, in_channels: int) -> SparseTensor:
    """Make what the network sees of a head without a piece."""
    if in_channels == MIRRORED and head.plane is not None:
        rows, both = head.twin.without(implant)
        return input_tensor(rows, both[:, 0], place, in_channels, both[:, 1])
    defective = head.skull - implant
    if in_channels != MIRRORED:
        return input_tensor(head.rows, defective, place, in_channels)
    left = defective > 0
    rows, fraction = head.rows[left], defective[left]
    if not len(rows):
        return input_tensor(rows, fraction, place, in_channels, fraction)
    plane = midsagittal_plane(rows, fraction, head.grid)
    rows, both = with_mirror_image(rows, fraction, head.grid, plane)
    return input_tensor(rows, both[:, 0], place, in_channels, both[:, 1])


def _surroundings(rows: Tensor, fraction: Tensor) -> tuple[Tensor, Tensor]:
    """Voxels within one step of those that hold implant, (M, 3), and their fraction (M,)."""
    low = rows.amin(0) - 1
    size = (rows.amax(0) + 2 - low).tolist()
    dense = torch.zeros(size)
    dense[tuple((rows - low).unbind(1))] = fraction
    near = torch.nn.functional.max_pool3d(dense[None, None], 3, 1, 1)[0, 0] > TARGET_FRACTION
    found = near.nonzero()
    return found + low, dense[tuple(found.unbind(1))]


def collate(samples: Sequence[Sample]) -> Sample:
    """Join samples into a batch; sample i becomes volume i."""
    inputs = [_numbered(s.inputs.voxels, i) for i, s in enumerate(samples)]
    wanted = [_numbered(s.wanted, i) for i, s in enumerate(samples)]
    features = torch.cat([s.inputs.features for s in samples])
    count = len(samples)
    return Sample(
        SparseTensor(features, VoxelSet(torch.cat(inputs), count)),
        VoxelSet(torch.cat(wanted), count),
        torch.cat([s.truth for s in samples]),
    )


def _numbered(voxels: VoxelSet, volume: int) -> Tensor:
    """Coordinates with their batch column set."""
    rows = voxels.coordinates.clone()
    rows[:, 0] = volume
    return rows
