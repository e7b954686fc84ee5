"""From the bone of a scan to a raw implant candidate on the scan's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skullfix.images.box import bounding_box, crop, slices
from skullfix.images.midplane import Plane, midsagittal_plane, with_mirror_image
from skullfix.images.regrid import index_box
from skullfix.images.resample import block_average, sample_onto, world_bounds, world_grid
from skullfix.images.thick import thin_slices
from skullfix.images.volume import Geometry, Volume
from skullfix.networks.features import HEIGHT_MM, MIRRORED, OCCUPIED, ModelGrid, input_tensor
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import Backend

IMPLANT_SHARE = 0.2  # of the completed bone in a voxel must be implant for the voxel to count
VIEWS = (  # (left and right exchanged?, whole voxels (z, y, x) moved): the mean answer counts
    (False, (0, 0, 0)),
    (True, (0, 0, 0)),
    (False, (3, -2, 2)),
    (True, (-2, 3, -3)),
)
PASSES = 2  # what the first leaves of a large hole, the second sees as a smaller one
CUT = 0.45  # occupancy of bone and implant together that fills a voxel; from training skulls
_SIDE, _OFFSET = 1 << 20, 1 << 19  # of the space in which indices are numbered
_MARGIN = 2  # model voxels around the answer, so that interpolation ends at zero


@dataclass(frozen=True, eq=False)
class Completion:
    """The network's answer on its own grid, cropped to where there is any.

    Attributes:
        implant: (z, y, x) float32, occupancy of the implant, 0 to 1.
        bone: (z, y, x) float32, occupancy of the defective skull.
    """

    implant: Volume
    bone: Volume


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
    box = bounding_box(bone.array)
    if box is None:
        raise ValueError("the mask is empty")
    coarse = block_average(thin_slices(crop(bone, *box), spacing))
    grid = world_grid(*world_bounds(coarse.geometry), spacing)
    occupancy = torch.from_numpy(sample_onto(coarse, grid).array) / 255
    rows = (occupancy > 0).nonzero()
    fraction = occupancy[tuple(rows.unbind(1))]
    bony = rows[fraction > OCCUPIED, 0]
    top = int(bony.max()) if len(bony) else 0
    known = rows[:, 0] > top - HEIGHT_MM / spacing
    head, filled = rows[known], fraction[known]
    plane = _plane(head, filled, grid) if network.config.in_channels == MIRRORED else None
    voxels, solid, implant = head, filled, torch.zeros(len(head))
    for _ in range(PASSES):
        kept = solid + implant > CUT  # a voxel that stays a hole is seen as one
        seen = (solid + implant * kept).clamp_(max=1)
        there = seen > 0
        skull = Shown(voxels[there], seen[there])
        if plane is not None and len(skull.rows):
            both, columns = with_mirror_image(skull.rows, skull.fraction, grid, plane)
            skull = Shown(both, columns[:, 0], columns[:, 1])
        found, added = _mean_answer(skull, network, backend, spacing, thresholds)
        if not len(added) or float(added.max()) < IMPLANT_SHARE:
            break
        known_before = torch.stack([solid, implant, implant * kept], 1)
        new = torch.nn.functional.pad(added[:, None], (2, 0))
        voxels, columns = _joined((voxels, found), (known_before, new))
        solid, before, filled_up = columns.unbind(1)
        implant = torch.maximum(before, filled_up)
    implant = torch.minimum(implant, 1 - solid)
    voxels, implant = voxels[implant > 0], implant[implant > 0]
    if not len(implant):
        return None
    first, last = voxels.amin(0) - _MARGIN, voxels.amax(0) + _MARGIN
    part = _part(grid, first, last)
    there = ((rows >= first) & (rows <= last)).all(1)
    bony, new = torch.zeros(part.shape), torch.zeros(part.shape)
    bony[tuple((rows[there] - first).unbind(1))] = fraction[there]
    new[tuple((voxels - first).unbind(1))] = implant
    return Completion(
        Volume(torch.minimum(new, 1 - bony).numpy(), part), Volume(bony.numpy(), part)
    )


@dataclass(frozen=True, eq=False)
class Shown:
    """What is shown to the network.

    Attributes:
        rows: (N, 3) int64 sorted indices (z, y, x).
        fraction: (N,) of bone in each.
        image: (N,) of the mirror image, for a network that sees it.
    """

    rows: Tensor
    fraction: Tensor
    image: Tensor | None = None


def _plane(rows: Tensor, fraction: Tensor, grid: Geometry) -> Plane | None:
    """Find the mid-sagittal plane of a head, None if there is no bone."""
    if not len(rows):
        return None
    origin = torch.tensor(grid.origin, dtype=torch.float32)
    points = rows.flip(1).float() * grid.spacing[0] + origin
    return midsagittal_plane(points.numpy(), fraction.numpy())


def _mean_answer(
    skull: Shown,
    network: SparseUNet,
    backend: Backend,
    spacing: float,
    thresholds: Sequence[float],
) -> tuple[Tensor, Tensor]:
    """Average the network's answers over VIEWS: what it adds to a skull.

    The answer is (M, 3) sorted indices (z, y, x) and the (M,) fraction that is added there.
    """
    centred = ModelGrid.around(skull.rows, skull.fraction, spacing)
    channels, device = network.config.in_channels, next(network.parameters()).device
    indices, values = [], []
    for mirrored, shift in VIEWS:
        place = replace(centred.moved(np.asarray(shift)), mirrored=mirrored)
        inputs = input_tensor(skull.rows, skull.fraction, place, channels, skull.image)
        with torch.inference_mode():
            answer = network(inputs.to(device), backend, thresholds=thresholds).final.to("cpu")
            values.append(torch.sigmoid(answer.features[:, 0]) / len(VIEWS))
        indices.append(place.indices(answer.voxels.coordinates))
    return _joined(indices, values)


def _joined(indices: Sequence[Tensor], values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Add up the (n, ...) values at equal (n, 3) indices; the (N, 3) indices come back sorted."""
    rows, added = torch.cat(list(indices)), torch.cat(list(values))
    z, y, x = (rows + _OFFSET).unbind(1)
    keys, place = torch.unique((z * _SIDE + y) * _SIDE + x, return_inverse=True)
    total = added.new_zeros(len(keys), *added.shape[1:]).index_add_(0, place, added)
    found = torch.stack([keys // _SIDE**2, keys // _SIDE % _SIDE, keys % _SIDE], 1)
    return found - _OFFSET, total


def candidate_on(bone: Volume, answer: Completion) -> Volume:
    """Bring the answer to the scan's grid, below the network's resolution.

    Where implant and bone meet, neither fills the coarse voxel, but together they do: the sum is
    interpolated and cut near one half, so that no gap is left at the rim. Bone is never part of it.

    Args:
        bone: The defective skull, bool.
        answer: Of `complete_coarse`.

    Returns:
        bool on the grid of `bone`.
    """
    region = index_box(bone.geometry, answer.implant.geometry)
    result = np.zeros(bone.array.shape, bool)
    if region is not None:
        low, high = region
        part = crop(bone, low, high)
        added = sample_onto(answer.implant, part.geometry).array
        both = sample_onto(
            Volume(answer.implant.array + answer.bone.array, answer.bone.geometry), part.geometry
        ).array
        inside = (both > CUT) & (added > IMPLANT_SHARE * both) & ~part.array
        result[slices(low, high)] = inside
    return Volume(result, bone.geometry)


def implant_on(implant: Volume, bone: Volume) -> Volume:
    """Bring an implant that was made on a coarse grid to the scan's grid.

    Args:
        implant: bool, on any grid over the same place.
        bone: The defective skull, bool.

    Returns:
        bool on the grid of `bone`, without a voxel of it.
    """
    result = np.zeros(bone.array.shape, bool)
    box = bounding_box(implant.array, margin=1)
    region = None if box is None else index_box(bone.geometry, crop(implant, *box).geometry)
    if box is not None and region is not None:
        part = crop(bone, *region)
        inside = sample_onto(crop(implant, *box), part.geometry).array >= 0.5
        result[slices(*region)] = inside & ~part.array
    return Volume(result, bone.geometry)


def _part(grid: Geometry, first: Tensor, last: Tensor) -> Geometry:
    """Give the axis-aligned grid from index `first` to `last` (z, y, x), which may lie outside."""
    spacing = grid.spacing[0]
    x, y, z = (
        o + spacing * int(f) for o, f in zip(grid.origin, first.flip(0).tolist(), strict=True)
    )
    size = (last - first + 1).flip(0).tolist()
    return Geometry((size[0], size[1], size[2]), grid.spacing, (x, y, z), grid.direction)
