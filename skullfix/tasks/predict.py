"""From the bone of a scan to what the network adds to it, on the network's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from skullfix.images.box import bounding_box, crop
from skullfix.images.midplane import midsagittal_plane, with_mirror_image
from skullfix.images.resample import block_average, sample_onto, world_bounds, world_grid
from skullfix.images.thick import thin_slices
from skullfix.images.volume import Geometry, Volume
from skullfix.networks.features import HEIGHT_MM, MIRRORED, OCCUPIED
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import Backend
from skullfix.tasks.candidate import CUT, IMPLANT_SHARE, Completion
from skullfix.tasks.views import Shown, joined, mean_answer

PASSES = 2  # what the first leaves of a large hole, the second sees as a smaller one
_MARGIN = 2  # model voxels around the answer, so that interpolation ends at zero


def complete_coarse(
    bone: Volume,
    network: SparseUNet,
    backend: Backend,
    *,
    spacing: float,
    thresholds: Sequence[float],
) -> Completion | None:
    """Run the network on a defective skull, and on what it made of it.

    Each of PASSES averages the answers of all VIEWS. A skull that the first one completed leaves
    the second nothing to do.

    Args:
        bone: bool mask, (z, y, x), not empty, on any grid.
        network: In inference mode.
        backend: The engine.
        spacing: The network's spacing, mm.
        thresholds: Pruning threshold of each level, coarsest first.

    Returns:
        The answer, or None if the network adds nothing.

    Raises:
        MemoryLimitError: The decoder passed its cap on generated voxels.
    """
    scan = _on_grid(bone, spacing)
    head = _without_neck(scan)
    if not len(head.rows):
        return None
    show = _Showing(head, mirrored=network.config.in_channels == MIRRORED)
    voxels, solid, implant = head.rows, head.fraction, torch.zeros(len(head.rows))
    for _ in range(PASSES):
        kept = solid + implant > CUT  # a voxel that stays a hole is seen as one
        seen = (solid + implant * kept).clamp_(max=1)
        shown = show(voxels[seen > 0], seen[seen > 0])
        found, added = mean_answer(shown, network, backend, spacing, thresholds)
        if not len(added) or float(added.max()) < IMPLANT_SHARE:
            break
        known_before = torch.stack([solid, implant, implant * kept], 1)
        new = torch.nn.functional.pad(added[:, None], (2, 0))
        voxels, columns = joined((voxels, found), (known_before, new))
        solid, before, filled_up = columns.unbind(1)
        implant = torch.maximum(before, filled_up)
    implant = torch.minimum(implant, 1 - solid)
    return _cropped(scan, voxels[implant > 0], implant[implant > 0])


@dataclass(frozen=True, eq=False)
class _Bone:
    """Bone on the network's spacing.

    Attributes:
        rows: (N, 3) int64 sorted indices (z, y, x) of the voxels that hold some.
        fraction: (N,) float32 of bone in each, 0 to 1.
        grid: Axis-aligned LPS grid.
    """

    rows: Tensor
    fraction: Tensor
    grid: Geometry


def _on_grid(bone: Volume, spacing: float) -> _Bone:
    """Bring a mask to the network's spacing."""
    box = bounding_box(bone.array)
    if box is None:
        raise ValueError("the mask is empty")
    coarse = block_average(thin_slices(crop(bone, *box), spacing))
    grid = world_grid(*world_bounds(coarse.geometry), spacing)
    occupancy = torch.from_numpy(sample_onto(coarse, grid).array) / 255
    rows = (occupancy > 0).nonzero()
    return _Bone(rows, occupancy[tuple(rows.unbind(1))], grid)


def _without_neck(scan: _Bone) -> _Bone:
    """Leave what lies more than HEIGHT_MM below the vertex away."""
    bony = scan.rows[scan.fraction > OCCUPIED, 0]
    top = int(bony.max()) if len(bony) else 0
    known = scan.rows[:, 0] > top - HEIGHT_MM / scan.grid.spacing[2]
    return _Bone(scan.rows[known], scan.fraction[known], scan.grid)


class _Showing:
    """What the network is shown of a head: its bone and, if it sees it, the mirror image."""

    def __init__(self, head: _Bone, *, mirrored: bool) -> None:
        self._grid = head.grid
        whole = (head.rows, head.fraction, head.grid)
        self._plane = midsagittal_plane(*whole) if mirrored else None

    def __call__(self, rows: Tensor, fraction: Tensor) -> Shown:
        if self._plane is None:
            return Shown(rows, fraction)
        rows, columns = with_mirror_image(rows, fraction, self._grid, self._plane)
        return Shown(rows, columns[:, 0], columns[:, 1])


def _cropped(scan: _Bone, voxels: Tensor, implant: Tensor) -> Completion | None:
    """Lay an implant, (M, 3) indices and (M,) fractions, and the bone around it on a small grid."""
    if not len(implant):
        return None
    first, last = voxels.amin(0) - _MARGIN, voxels.amax(0) + _MARGIN
    part = _part(scan.grid, first, last)
    there = ((scan.rows >= first) & (scan.rows <= last)).all(1)
    bony, new = torch.zeros(part.shape), torch.zeros(part.shape)
    bony[tuple((scan.rows[there] - first).unbind(1))] = scan.fraction[there]
    new[tuple((voxels - first).unbind(1))] = implant
    return Completion(
        Volume(torch.minimum(new, 1 - bony).numpy(), part), Volume(bony.numpy(), part)
    )


def _part(grid: Geometry, first: Tensor, last: Tensor) -> Geometry:
    """Give the axis-aligned grid from index `first` to `last` (z, y, x), which may lie outside."""
    spacing = grid.spacing[0]
    x, y, z = (
        o + spacing * int(f) for o, f in zip(grid.origin, first.flip(0).tolist(), strict=True)
    )
    size = (last - first + 1).flip(0).tolist()
    return Geometry((size[0], size[1], size[2]), grid.spacing, (x, y, z), grid.direction)
