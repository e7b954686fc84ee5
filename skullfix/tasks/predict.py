"""From the bone of a scan to what the network adds to it, on the network's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skullfix.images.box import bounding_box, crop, part_of
from skullfix.images.midplane import Plane, midsagittal_plane, with_mirror_image
from skullfix.images.resample import block_average, sample_onto, world_bounds, world_grid
from skullfix.images.thick import thin_slices
from skullfix.images.volume import Geometry, Volume
from skullfix.networks.features import MIRRORED, in_view
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import Backend
from skullfix.tasks.candidate import CUT, Completion
from skullfix.tasks.local_cut import IMPLANT_SHARE
from skullfix.tasks.views import VIEWS, Shown, View, answer_to, joined

PASSES = 2  # what the first leaves of a large hole, or of several, the second sees by itself
_LOOSER = 1.0  # logit by which the second prunes less: what is left is where the first doubted
_MARGIN = 2  # model voxels around an answer, so that interpolation ends at zero


@dataclass(frozen=True, eq=False)
class CoarseSkull:
    """A defective skull at the network's spacing.

    Attributes:
        occupancy: uint8 (z, y, x), share of bone in each voxel times 255, on a grid of its own.
        plane: Between its left and right; None for a network that is not shown the mirror image.
    """

    occupancy: Volume
    plane: Plane | None


def coarse_skull(bone: Volume, network: SparseUNet, spacing: float) -> CoarseSkull:
    """Prepare a defective skull for the network's answers.

    Args:
        bone: bool mask, (z, y, x), not empty, on any grid.
        network: That will be asked.
        spacing: The network's spacing, mm.

    Raises:
        ValueError: The mask is empty.
    """
    box = bounding_box(bone.array)
    if box is None:
        raise ValueError("the mask is empty")
    coarse = block_average(thin_slices(crop(bone, *box), spacing))
    plane = None
    if network.config.in_channels == MIRRORED:
        head = _head(coarse, world_grid(*world_bounds(coarse.geometry), spacing))
        plane = midsagittal_plane(head.rows, head.fraction, head.grid) if len(head.rows) else None
    return CoarseSkull(coarse, plane)


def answer_in_view(
    skull: CoarseSkull,
    view: View,
    network: SparseUNet,
    backend: Backend,
    *,
    spacing: float,
    thresholds: Sequence[float],
) -> Volume | None:
    """Run the network on a skull shown in one way.

    Args:
        skull: Of `coarse_skull`.
        view: How it is shown.
        network: In inference mode.
        backend: The engine.
        spacing: The network's spacing, mm.
        thresholds: Pruning threshold of each level, coarsest first.

    Returns:
        What the network adds: float32 fractions, 0 to 1, on a part of the view's grid; or None.

    Raises:
        MemoryLimitError: The decoder passed its cap on generated voxels.
    """
    head = _head(skull.occupancy, view.grid(skull.occupancy.geometry, spacing))
    return _completed(head, skull.plane, network, backend, thresholds, mirrored=view.mirrored)


def complete_coarse(
    bone: Volume,
    network: SparseUNet,
    backend: Backend,
    *,
    spacing: float,
    thresholds: Sequence[float],
) -> Completion | None:
    """Run the network on a defective skull, shown in all VIEWS: the mean of what it adds.

    Args:
        bone: bool mask, (z, y, x), not empty, on any grid.
        network: In inference mode.
        backend: The engine.
        spacing: The network's spacing, mm.
        thresholds: Pruning threshold of each level, coarsest first.

    Returns:
        The answer on an axis-aligned LPS grid, or None if the network adds nothing.

    Raises:
        ValueError: The mask is empty.
        MemoryLimitError: The decoder passed its cap on generated voxels.
    """
    skull = coarse_skull(bone, network, spacing)
    answers = []
    for view in VIEWS:
        answer = answer_in_view(
            skull, view, network, backend, spacing=spacing, thresholds=thresholds
        )
        if answer is not None:
            answers.append(answer)
    if not answers:
        return None
    bounds = np.array([world_bounds(answer.geometry) for answer in answers])
    grid = world_grid(bounds[:, 0].min(0), bounds[:, 1].max(0), spacing)
    solid = sample_onto(skull.occupancy, grid).array / np.float32(255)
    implant = np.zeros_like(solid)
    for answer in answers:
        implant += sample_onto(answer, grid).array / np.float32(len(VIEWS))
    implant = np.minimum(implant, 1 - solid)
    return Completion(Volume(implant, grid), Volume(solid, grid), skull.plane)


def _completed(
    head: _Head,
    plane: Plane | None,
    network: SparseUNet,
    backend: Backend,
    thresholds: Sequence[float],
    *,
    mirrored: bool,
) -> Volume | None:
    """Run the network on a skull, and on what it made of it.

    A skull that the first of PASSES completed leaves the second nothing to do.

    Returns:
        float32 fractions, 0 to 1, on a part of the head's grid; None if the network adds nothing.
    """
    if not len(head.rows):
        return None
    voxels, solid, implant = head.rows, head.fraction, torch.zeros(len(head.rows))
    spacing = head.grid.spacing[0]
    for number in range(PASSES):
        kept = solid + implant > CUT  # a voxel that stays a hole is seen as one
        seen = (solid + implant * kept).clamp_(max=1)
        shown = _shown(voxels[seen > 0], seen[seen > 0], head.grid, plane)
        doubts = [threshold - _LOOSER * number for threshold in thresholds]
        found, added = answer_to(shown, network, backend, spacing, doubts, mirrored=mirrored)
        if not len(added) or float(added.max()) < IMPLANT_SHARE:
            break
        known_before = torch.stack([solid, implant, implant * kept], 1)
        new = torch.nn.functional.pad(added[:, None], (2, 0))
        voxels, columns = joined((voxels, found), (known_before, new))
        solid, before, filled_up = columns.unbind(1)
        implant = torch.maximum(before, filled_up)
    implant = torch.minimum(implant, 1 - solid)
    return _cropped(head.grid, voxels[implant > 0], implant[implant > 0])


@dataclass(frozen=True, eq=False)
class _Head:
    """Bone on the network's spacing.

    Attributes:
        rows: (N, 3) int64 sorted indices (z, y, x) of the voxels that hold some.
        fraction: (N,) float32 of bone in each, 0 to 1.
        grid: Of cubic voxels, in any direction.
    """

    rows: Tensor
    fraction: Tensor
    grid: Geometry


def _head(coarse: Volume, grid: Geometry) -> _Head:
    """Bring uint8 occupancies to a grid; what lies too far below the vertex stays away."""
    occupancy = torch.from_numpy(sample_onto(coarse, grid).array) / 255
    rows = (occupancy > 0).nonzero()
    fraction = occupancy[tuple(rows.unbind(1))]
    known = in_view(rows, fraction, grid.spacing[2])
    return _Head(rows[known], fraction[known], grid)


def _shown(rows: Tensor, fraction: Tensor, grid: Geometry, plane: Plane | None) -> Shown:
    """Give what the network sees of a head: its bone and, if it wants it, the mirror image."""
    if plane is None:
        return Shown(rows, fraction)
    rows, columns = with_mirror_image(rows, fraction, grid, plane)
    return Shown(rows, columns[:, 0], columns[:, 1])


def _cropped(grid: Geometry, voxels: Tensor, implant: Tensor) -> Volume | None:
    """Lay an implant, (M, 3) indices and (M,) fractions, on the part of a grid around it."""
    if not len(implant):
        return None
    first = voxels.amin(0) - _MARGIN
    z, y, x = first.tolist()
    depth, height, width = (voxels.amax(0) + _MARGIN + 1).tolist()
    part = part_of(grid, (z, y, x), (depth, height, width))
    new = torch.zeros(part.shape)
    new[tuple((voxels - first).unbind(1))] = implant
    return Volume(new.numpy(), part)
