"""A head like the one in the scan: random pose, size, shape and field of view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.images.midplane import Plane
from skullfix.images.resample import spread, trilinear, world_bounds, world_grid
from skullfix.images.turn import rotation_about
from skullfix.images.volume import Geometry
from skullfix.networks.features import in_view
from skullfix.training.look import Look, change_look
from skullfix.training.morph import Morph
from skullfix.training.population import Case
from skullfix.training.twin import Twin
from skullfix.training.variety import WIDE, Variety

_MISJUDGED_MM, _MISJUDGED_RAD = 0.4, 0.006  # standard deviations; the second along each axis


@dataclass(frozen=True, eq=False)
class Warp:
    """A deformation of world space about a head's middle: affine, then smooth displacements.

    Attributes:
        matrix: (3, 3) maps an offset from the middle in the new head to one in the source, x y z.
        bend_mm: (3, d, h, w) float32 displacement of the source (x, y, z) at control points
            spread over the grid; zeros for none.
        morph: The way to another head's shape, taken last; None to keep the head's own.
    """

    matrix: NDArray[np.float64]
    bend_mm: Tensor
    morph: Morph | None = None


@dataclass(frozen=True, eq=False)
class Head:
    """A skull on the network's grid: only the voxels that hold some bone.

    Attributes:
        rows: (N, 3) int64 array indices (z, y, x), sorted.
        skull: (N,) float32 fraction of bone, 0 to 1.
        implant: (N,) float32 fraction of the case's own implant, at most ``skull``.
        grid: Axis-aligned LPS grid.
        plane: About which it is mirrored for networks that see the mirror image; None if unknown.
    """

    rows: Tensor
    skull: Tensor
    implant: Tensor
    grid: Geometry
    plane: Plane | None = None

    def points(self) -> NDArray[np.float32]:
        """(N, 3) float32 voxel centres, LPS mm."""
        origin = torch.tensor(self.grid.origin, dtype=torch.float32)
        return (self.rows.flip(1).float() * self.grid.spacing[0] + origin).numpy()

    @cached_property
    def twin(self) -> Twin:
        """The head beside its mirror image; its plane must be known."""
        assert self.plane is not None
        return Twin.of(self.rows, self.skull, self.grid, self.plane)


NO_WARP = Warp(np.eye(3), torch.zeros(3, 2, 2, 2))
_MORPH_CONTROLS = 20  # points along each axis at which a morph is followed


def random_warp(
    rng: np.random.Generator, morph: Morph | None = None, variety: Variety = WIDE
) -> Warp:
    """Draw pose (±0.2 rad or so), size (±12 %), shear, mirror image and elastic bend.

    Most of the bend is the same on both sides, as heads are. With a morph, which has a person's
    variety already, it is slight.

    Args:
        rng: Source of randomness.
        morph: The way to another head's shape, if it goes there.
        variety: How much of each; what is said above is WIDE.
    """
    angles = rng.normal(0, 0.1, 3)
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        rotation = rotation_about(axis, angle) @ rotation
    stretch = np.diag(np.exp(rng.normal(0, variety.stretch) + rng.normal(0, variety.stretch, 3)))
    shear = np.eye(3) + np.triu(rng.normal(0, variety.shear, (3, 3)), 1)
    mirror = np.diag([rng.choice((-1.0, 1.0)), 1.0, 1.0])
    even, odd = rng.normal(size=(2, 3, 6, 6, 6))
    even = (even + np.array([-1, 1, 1])[:, None, None, None] * even[..., ::-1]) / np.sqrt(2)
    most_even, most_odd = variety.morphed_bends_mm if morph else variety.bends_mm
    bend = torch.from_numpy(
        (even * rng.uniform(0, most_even) + odd * rng.uniform(0, most_odd)).astype(np.float32)
    )
    return Warp(rotation @ stretch @ shear @ mirror, bend, morph)


def _bent_plane(plane: Plane, warp: Warp, middle: NDArray[np.float64]) -> Plane:
    """Where the affine part of a warp takes a source's plane."""
    point = np.linalg.solve(warp.matrix, np.asarray(plane.point) - middle) + middle
    return Plane.through(point, warp.matrix.T @ np.asarray(plane.normal))


def misjudged(plane: Plane, rng: np.random.Generator) -> Plane:
    """Move and turn a plane as much as finding it on a defective skull may err."""
    normal = np.asarray(plane.normal)
    point = np.asarray(plane.point) + rng.normal(0, _MISJUDGED_MM) * normal
    return Plane.through(point, normal + rng.normal(0, _MISJUDGED_RAD, 3))


def sample_head(
    case: Case,
    spacing: float,
    warp: Warp = NO_WARP,
    look: Look | None = None,
    *,
    implant: bool = True,
) -> Head:
    """Put a case on the network's grid, deformed.

    Args:
        case: The skull and its implant at about 0.9 mm.
        spacing: The network's spacing in mm.
        warp: `random_warp` or, for a plain resampling, NO_WARP.
        look: `random_look`, or None to leave the bone as it is.
        implant: Whether the case's own implant is wanted; if not, it is all zero.
    """
    low, high = warp.morph.bounds() if warp.morph else world_bounds(case.geometry)
    middle = (low + high) / 2
    reach = np.abs(np.linalg.inv(warp.matrix)) @ ((high - low) / 2)
    grid = world_grid(middle - reach, middle + reach, spacing)
    # The map to source indices is exact at control points; between them it is interpolated,
    # which leaves the affine part exact too.
    bend = warp.bend_mm
    if warp.morph:
        bend = spread(bend, (_MORPH_CONTROLS,) * 3)
    controls = bend.shape[1:]
    steps = [np.linspace(0, n - 1, c) for n, c in zip(grid.shape, controls, strict=True)]
    z, y, x = np.meshgrid(*steps, indexing="ij")
    offset = np.stack([x, y, z], -1) * spacing + np.asarray(grid.origin) - middle
    world = offset @ warp.matrix.T + middle + bend.permute(1, 2, 3, 0).numpy()
    if warp.morph:
        world = warp.morph.source_points(world)
    to_index = np.linalg.inv(case.geometry.affine())
    index = (world @ to_index[:3, :3].T + to_index[:3, 3]).astype(np.float32)
    field = spread(torch.from_numpy(index).permute(3, 0, 1, 2), grid.shape).permute(1, 2, 3, 0)
    skull = trilinear(case.whole.float(), field) / 255
    own = torch.zeros_like(skull)
    if implant:
        there = tuple(skull.nonzero().unbind(1))
        own[there] = torch.minimum(
            trilinear(case.implant.float(), field[there]) / 255, skull[there]
        )
    if look is not None:
        skull, own = change_look(skull, own, look, spacing)
    rows = skull.nonzero()
    there = tuple(rows.unbind(1))
    plane = warp.morph.plane() if warp.morph else case.plane
    plane = _bent_plane(plane, warp, middle) if plane else None
    return Head(rows, skull[there], own[there], grid, plane)


def crop_field_of_view(head: Head, rng: np.random.Generator) -> Head:
    """Leave what lies too far below the vertex away, as `complete` does (`in_view`).

    Sometimes more is lost, as in a short scan: up to 30 % of the height below, 8 % on top.
    """
    draws, shares = rng.random(2), rng.uniform(0, 1, 2)
    height = head.grid.shape[0]
    low = int(0.3 * shares[0] * height) if draws[0] < 0.4 else 0
    high = height - (int(0.08 * shares[1] * height) if draws[1] < 0.05 else 0)
    scanned = (head.rows[:, 0] >= low) & (head.rows[:, 0] < high)
    rows, skull, implant = (part[scanned] for part in (head.rows, head.skull, head.implant))
    seen = in_view(rows, skull, head.grid.spacing[2])
    return Head(rows[seen], skull[seen], implant[seen], head.grid, head.plane)
