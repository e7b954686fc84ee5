"""Samples for super-resolution: a patch of a fine shape and what a coarse scan makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool3d

from skullfix.cases.coarsen import FULL, ragged
from skullfix.images.resample import spread, trilinear
from skullfix.images.volume import Geometry
from skullfix.networks.fine_features import fine_features, fine_tensor
from skullfix.sparse.voxels import VoxelSet
from skullfix.training.augment import Warp, random_warp
from skullfix.training.blob import random_blob
from skullfix.training.population import Case
from skullfix.training.sample import TARGET_FRACTION, Sample, collate

SIDE = 96  # voxels of a patch; a whole number of coarse voxels for every factor
PLACES = 64  # voxels by which a patch is moved at most: the coarsest level's, so that it has
# neighbours there, as in a whole skull
CUT_SHARE = 0.75  # of the patches are cut out as they are, without interpolation
BLOB_SHARE = 0.3  # of the patches are made up, where the population is small
_NO_BEND = torch.zeros(3, 2, 2, 2)
MARGIN = 2  # coarse voxels around it that the features see
NEAREST_SHARE = 0.15  # of the coarse masks take the value at the voxel's centre
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
        cases: The training population, of `at_spacing`.
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
            fine = cut_patch(case, factor, rng)
        else:
            warp = _strong_warp(rng) if few else replace(random_warp(rng), bend_mm=_NO_BEND)
            fine = sample_patch(case, spacing, factor, warp, draw_centre(case, rng))
        coarse = make_coarse(fine, factor, rng, plain=False)
        low = rng.integers(0, PLACES // factor, 3) * factor
        samples.append(make_patch(fine, coarse, factor, tuple(low.tolist())))
    return collate(samples)


def cut_patch(case: Case, factor: int, rng: np.random.Generator) -> Tensor:
    """Take a patch of a shape's own voxels, as sharp as they are, and mirror it at random.

    Args:
        case: The shape, at about the fine grid's spacing.
        factor: Fine voxels a coarse one.
        rng: Decides where and how.

    Returns:
        As `sample_patch`.
    """
    side = SIDE + 2 * MARGIN * factor
    affine = case.geometry.affine()
    index = np.linalg.solve(affine[:3, :3], draw_centre(case, rng) - affine[:3, 3])[::-1]
    first = np.rint(index).astype(int) - side // 2
    patch = torch.zeros((side,) * 3)
    source, place = [], []
    for low, count in zip(first.tolist(), case.whole.shape, strict=True):
        start, stop = max(0, low), min(count, low + side)
        source.append(slice(start, max(start, stop)))
        place.append(slice(start - low, max(start, stop) - low))
    patch[tuple(place)] = case.whole[tuple(source)].float() / 255
    axes = [axis for axis in range(3) if rng.random() < 0.5]
    return patch.flip(axes) if axes else patch


def at_spacing(case: Case, spacing: float) -> Case:
    """Average a case's voxels to about the fine grid's spacing, so that sampling skips none."""
    factors = [max(1, round(spacing / s)) for s in case.geometry.spacing[::-1]]
    if factors == [1, 1, 1]:
        return case
    padding = [
        pad
        for n, f in zip(reversed(case.whole.shape), reversed(factors), strict=True)
        for pad in (0, -n % f)
    ]
    padded = torch.nn.functional.pad(case.whole.float(), padding)
    mean = avg_pool3d(padded[None, None], factors)[0, 0].round().to(torch.uint8)
    grid = case.geometry
    steps = np.asarray(factors[::-1], np.float64)
    origin = (grid.affine() @ np.append((steps - 1) / 2, 1.0))[:3]
    size = mean.shape[::-1]
    spaced = [float(s * f) for s, f in zip(grid.spacing, steps, strict=True)]
    coarser = Geometry(
        (size[0], size[1], size[2]),
        (spaced[0], spaced[1], spaced[2]),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        grid.direction,
    )
    return replace(case, whole=mean, implant=torch.zeros_like(mean), geometry=coarser)


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
    side = SIDE + 2 * MARGIN * factor
    steps = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) * spacing
    inverse = np.linalg.inv(case.geometry.affine())
    axes = torch.from_numpy(inverse[:3, :3] @ warp.matrix)  # offset in mm (x, y, z) to index
    start = torch.from_numpy((inverse @ np.append(centre, 1.0))[:3])
    index = start + sum(
        steps.reshape([-1 if i == 2 - axis else 1 for i in range(3)])[..., None] * axes[:, axis]
        for axis in range(3)
    )
    if bool(warp.bend_mm.any()):
        bend = spread(warp.bend_mm.double(), (side,) * 3)
        index = index + bend.permute(1, 2, 3, 0) @ torch.from_numpy(inverse[:3, :3].T.copy())
    return trilinear(case.whole.float(), index.float()) / 255


def _strong_warp(rng: np.random.Generator) -> Warp:
    """Draw a deformation for shapes of which there are few."""
    warp = random_warp(rng)
    turn = np.eye(3)[rng.permutation(3)] * rng.choice((-1.0, 1.0), 3)
    bend = torch.from_numpy((rng.normal(size=(3, 3, 3, 3)) * rng.uniform(0, 4)).astype(np.float32))
    return Warp(warp.matrix @ turn * np.exp(rng.normal(0, 0.2)), bend)


def make_patch(
    fine: Tensor, coarse: Tensor, factor: int, low: tuple[int, ...] = (0, 0, 0)
) -> Sample:
    """Lay input and truth of a patch out, without the margin.

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
    placed = torch.nn.functional.pad(rows + torch.tensor(low), (1, 0)).to(torch.int32)
    wanted = VoxelSet(placed, 1)
    inputs = fine_tensor(features[(slice(None), *inner)], low)
    return Sample(inputs, wanted, truth[tuple(rows.unbind(1))][:, None])


def draw_centre(case: Case, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a place on the shape, LPS mm."""
    shape = case.whole.shape
    place = np.zeros(3)
    for _ in range(500):
        z, y, x = (int(rng.integers(n)) for n in shape)
        place = np.asarray([x, y, z], np.float64)
        if int(case.whole[z, y, x]) > 127:
            break
    away = rng.normal(0, 0.15 * SIDE, 3)
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
        filled = torch.from_numpy(ragged(filled.numpy(), rng))
    return (filled >= FULL).float()
