"""Samples for super-resolution: a patch of a fine shape and what a coarse scan makes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool3d

from skullfix.cases.coarsen import FULL, overlaps, ragged
from skullfix.images.finer import fine_features
from skullfix.images.resample import spread, trilinear
from skullfix.networks.fine_features import fine_tensor
from skullfix.sparse.voxels import VoxelSet
from skullfix.training.augment import Warp, random_warp
from skullfix.training.blob import random_blob
from skullfix.training.population import Case
from skullfix.training.sample import TARGET_FRACTION, Sample, collate

SIDE = 96  # voxels of a patch; a whole number of coarse voxels for every factor
PLACES = 64  # voxels by which a patch is moved at most: the coarsest level's, so that it has
# neighbours there, as in a whole skull
CUT_SHARE = 0.85  # of the patches are cut along the scan's axes, without interpolation
HARDLY_FINER = 0.8  # of the patch's spacing: a scan's from which its voxels are not averaged
BLOB_SHARE = 0.3  # of the patches are made up, where the population is small
_NO_BEND = torch.zeros(3, 2, 2, 2)
_AWAY_MM = 14.4  # standard deviation, along each axis, of a patch's middle from the shape
MARGIN = 2  # coarse voxels around it that the features see
CONTRAST = 2.0  # of the truth about one half: above all, the side of a border must be right
NEAREST_SHARE = 0.15  # of the coarse masks take the value of one fine voxel in each coarse one
RAGGED_SHARE = 0.25  # are smeared and ragged, as a segmentation's are


def draw_patches(
    cases: Sequence[Case],
    spacing: float,
    factors: Sequence[int],
    size: int,
    key: Sequence[int],
    *,
    first: int = 0,
    few: bool = False,
) -> Sample:
    """Draw shapes, deform them, take patches and make them coarse.

    Args:
        cases: The training population; the patches are made on the device that holds it.
        spacing: Of the fine grid, mm.
        factors: Fine voxels a coarse one; one is drawn for each patch.
        size: Patches in the batch.
        key: Seed and step; the same key gives the same patches.
        first: Number of the first patch: processes that share a step take parts of one batch.
        few: Whether the population is so small that its shapes must be changed strongly: any
            size within a factor of 1.5 or so, any of the 48 orientations, bent; and random bodies
            join them.
    """
    samples = []
    for number in range(first, first + size):
        rng = np.random.default_rng((*key, number))
        case = cases[int(rng.integers(len(cases)))]
        factor = int(rng.choice(factors))
        draw = float(rng.random())
        if few and draw < BLOB_SHARE:
            fine = random_blob(SIDE + 2 * MARGIN * factor, rng)
        elif not few and draw < CUT_SHARE:
            fine = cut_patch(case, spacing, factor, rng)
        else:
            warp = _strong_warp(rng) if few else replace(random_warp(rng), bend_mm=_NO_BEND)
            fine = sample_patch(case, spacing, factor, warp, draw_centre(case, rng))
        coarse = make_coarse(fine, factor, rng, plain=False)
        low = rng.integers(0, PLACES // factor, 3) * factor
        samples.append(make_patch(fine, coarse, factor, tuple(low.tolist())))
    return collate(samples)


def cut_patch(case: Case, spacing: float, factor: int, rng: np.random.Generator) -> Tensor:
    """Average a shape's own voxels over those of a patch, by exact areas, and mirror it at random.

    The patch's voxels are stretched a little along each axis, so that the shape comes in many
    sizes and at any offset from the scan's grid. Along an axis where the scan is hardly finer
    than the patch its voxels are taken as they are, to keep the border sharp.

    Args:
        case: The shape.
        spacing: Of the patch, mm.
        factor: Fine voxels a coarse one.
        rng: Decides where and how.

    Returns:
        As `sample_patch`.
    """
    side = SIDE + 2 * MARGIN * factor
    affine = case.geometry.affine()
    middle = np.linalg.solve(affine[:3, :3], draw_centre(case, rng) - affine[:3, 3])[::-1] + 0.5
    stretch = np.exp(rng.normal(0, 0.05) + rng.normal(0, 0.04, 3))
    region, shares = [], []
    for axis in range(3):
        source, count = case.geometry.spacing[2 - axis], case.whole.shape[axis]
        step, low = spacing * stretch[axis] / source, middle[axis]
        if source > HARDLY_FINER * spacing:
            step, low = 1.0, float(np.rint(low))
        edges = low + step * (np.arange(side + 1) - side / 2)
        start, stop = np.clip((np.floor(edges[0]), np.ceil(edges[-1])), 0, count).astype(int)
        region.append(slice(start, stop))
        shares.append(torch.from_numpy(overlaps(np.arange(start, stop + 1.0), edges)))
    patch = case.whole[tuple(region)].float()
    for axis, share in enumerate(shares):
        lines = patch.movedim(axis, 0)
        patch = torch.tensordot(share.to(patch.device), lines, 1).movedim(0, axis)
    axes = [axis for axis in range(3) if rng.random() < 0.5]
    return (patch.flip(axes) if axes else patch).contiguous() / 255


def sample_patch(
    case: Case, spacing: float, factor: int, warp: Warp, centre: NDArray[np.float64]
) -> Tensor:
    """Occupancy of a patch and the MARGIN around it, (n, n, n) float32, 0 to 1.

    Args:
        case: The shape.
        spacing: Of the patch, mm.
        factor: Fine voxels a coarse one.
        warp: Applied about the centre; its control points are spread over the patch.
        centre: (3,) LPS mm.
    """
    device = case.whole.device
    finer = max(1, round(spacing / min(case.geometry.spacing)))  # samples a voxel, along each axis
    side = finer * (SIDE + 2 * MARGIN * factor)
    steps = torch.arange(side, device=device) - (side - 1) / 2
    inverse = np.linalg.inv(case.geometry.affine())
    start = steps.new_tensor((inverse @ np.append(centre, 1.0))[:3])  # index (x, y, z)
    axes = steps.new_tensor(inverse[:3, :3] @ warp.matrix * (spacing / finer))
    index = start + sum(
        steps.reshape([-1 if i == 2 - axis else 1 for i in range(3)])[..., None] * axes[:, axis]
        for axis in range(3)
    )
    if bool(warp.bend_mm.any()):
        bend = spread(warp.bend_mm.to(device), (side,) * 3)
        index += bend.permute(1, 2, 3, 0) @ steps.new_tensor(inverse[:3, :3].T)
    return avg_pool3d(_sampled(case.whole, index)[None, None], finer)[0, 0] / 255


def _sampled(whole: Tensor, index: Tensor) -> Tensor:
    """`trilinear` of the part of a uint8 array that is needed."""
    parts = []
    for size, values in zip(reversed(whole.shape), index.unbind(-1), strict=True):
        low = min(max(0, math.floor(float(values.min()))), size - 1)
        parts.append(slice(low, max(low + 1, math.ceil(float(values.max())) + 1)))
    x, y, z = parts
    part = whole[z, y, x].float()
    return trilinear(part, index - index.new_tensor([x.start, y.start, z.start]))


def _strong_warp(rng: np.random.Generator) -> Warp:
    """Draw a deformation for shapes of which there are few."""
    warp = random_warp(rng)
    turn = np.eye(3)[rng.permutation(3)] * rng.choice((-1.0, 1.0), 3)
    bend = torch.from_numpy((rng.normal(size=(3, 3, 3, 3)) * rng.uniform(0, 4)).astype(np.float32))
    return Warp(warp.matrix @ turn * np.exp(rng.normal(0, 0.2)), bend)


def make_patch(
    fine: Tensor, coarse: Tensor, factor: int, low: tuple[int, ...] = (0, 0, 0)
) -> Sample:
    """Lay input and truth of a patch out, without the margin, the truth in higher contrast.

    Args:
        fine: Of `sample_patch`.
        coarse: float32 {0, 1}, a `factor`-th of its size.
        factor: Fine voxels a coarse one.
        low: Coordinate (z, y, x) of the patch's first voxel, a whole number of coarse voxels.
    """
    edge = MARGIN * factor
    inner = (slice(edge, -edge),) * 3
    features = fine_features(coarse, (float(factor),) * 3, tuple(fine.shape))
    truth = fine[inner]
    rows = (truth > TARGET_FRACTION).nonzero()
    placed = torch.nn.functional.pad(rows + rows.new_tensor(low), (1, 0)).to(torch.int32)
    wanted = VoxelSet(placed, 1)
    inputs = fine_tensor(features[(slice(None), *inner)], low)
    clear = (FULL + CONTRAST * (truth[tuple(rows.unbind(1))] - FULL)).clamp(0, 1)
    return Sample(inputs, wanted, clear[:, None])


def draw_centre(case: Case, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a place on the shape, LPS mm."""
    shape = case.whole.shape
    place = np.zeros(3)
    for _ in range(500):
        z, y, x = (int(rng.integers(n)) for n in shape)
        place = np.asarray([x, y, z], np.float64)
        if int(case.whole[z, y, x]) > 127:
            break
    away = rng.normal(0, _AWAY_MM, 3)
    world: NDArray[np.float64] = (case.geometry.affine() @ np.append(place, 1.0))[:3] + away
    return world


def make_coarse(fine: Tensor, factor: int, rng: np.random.Generator, *, plain: bool) -> Tensor:
    """Make a patch coarse, (m, m, m) float32 {0, 1}.

    Args:
        fine: Of `sample_patch`.
        factor: Fine voxels a coarse one.
        rng: Decides how, unless `plain`.
        plain: By area alone, as `coarsen`; else also by the nearest voxel, or ragged.
    """
    kind = 1.0 if plain else float(rng.random())
    if kind < NEAREST_SHARE:
        start = int(rng.integers(factor))
        return (fine[start::factor, start::factor, start::factor] >= FULL).float()
    filled = avg_pool3d(fine[None, None], factor)[0, 0]
    if kind < NEAREST_SHARE + RAGGED_SHARE:
        filled = torch.from_numpy(ragged(filled.cpu().numpy(), rng)).to(fine.device)
    return (filled >= FULL).float()
