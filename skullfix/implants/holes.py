"""Holes through an implant, for perfusion and sutures."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import UsageError
from skullfix.implants.insertion import across
from skullfix.implants.site import Site
from skullfix.implants.thickness import outer_face
from skullfix.meshes.mesh import Mesh

_REACH_MM = 20.0  # half the length of a drill
RIM_MM = 3.0  # wall left between a hole and the rim
_SEGMENTS = 32
_SIMPLIFY_MM = 0.01  # far below a voxel; a third of the time


@dataclass(frozen=True)
class HolePattern:
    """Holes of one diameter on a hexagonal pattern.

    Attributes:
        diameter_mm: 0.8 to 10 mm.
        spacing_mm: Between the axes of neighbours; 1.5 diameters to 100 mm.

    Raises:
        UsageError: A value is out of range.
    """

    diameter_mm: float
    spacing_mm: float

    def __post_init__(self) -> None:
        if not 0.8 <= self.diameter_mm <= 10 or not (
            1.5 * self.diameter_mm <= self.spacing_mm <= 100
        ):
            raise UsageError(
                f"Holes of {self.diameter_mm:g} mm every {self.spacing_mm:g} mm cannot be made.",
                hint="Diameter 0.8 to 10 mm; spacing at least 1.5 diameters and at most 100 mm.",
            )


@dataclass(frozen=True)
class Drill:
    """One hole: a point of its axis (LPS mm) and its unit direction."""

    point: tuple[float, float, float]
    direction: tuple[float, float, float]


def parse_holes(text: str) -> HolePattern:
    """Read `DIAMETER@SPACING` (mm), for example `2@10`.

    Raises:
        UsageError: The text is something else, or the values are out of range.
    """
    number = r"(\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"\s*{number}\s*@\s*{number}\s*", text)
    if match is None:
        raise UsageError(
            f"The holes {text!r} are not understood.", hint="Write DIAMETER@SPACING, e.g. 2@10."
        )
    return HolePattern(float(match[1]), float(match[2]))


def place_holes(
    site: Site,
    mask: NDArray[np.bool_],
    pattern: HolePattern,
    direction: tuple[float, float, float],
) -> tuple[Drill, ...]:
    """Choose where to drill: a hexagonal pattern across a direction, away from the rim.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site.
        pattern: Diameter and spacing.
        direction: Unit vector (LPS) out of the skull; the pattern lies across it, each hole
            follows the normal of the outer face at its place.

    Returns:
        The drills; none where no hole fits.
    """
    face = outer_face(site, mask)
    keep = pattern.diameter_mm / 2 + RIM_MM
    inner = face & (site.to_bone >= keep)
    points = site.world(inner)
    ends = _where_the_grid_ends(site, mask)
    drills: list[Drill] = []
    if len(points):
        normals = site.normals(np.argwhere(inner))
        u, v = across(np.asarray(direction, np.float64))
        middle = points.mean(axis=0)
        flat = np.stack([(points - middle) @ u, (points - middle) @ v], axis=1)
        for at in _nearest_to_pattern(flat, pattern.spacing_mm, site.voxel):
            near = ((points - points[at]) ** 2).sum(axis=1) <= pattern.diameter_mm**2
            axis = normals[near].mean(axis=0)
            axis /= np.linalg.norm(axis)
            if len(ends) and np.linalg.norm(np.cross(ends - points[at], axis), axis=1).min() < keep:
                continue
            p, a = points[at], axis
            drills.append(
                Drill(
                    (float(p[0]), float(p[1]), float(p[2])),
                    (float(a[0]), float(a[1]), float(a[2])),
                )
            )
    return tuple(drills)


def _where_the_grid_ends(site: Site, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N, 3) positions of voxels on the faces of the grid: an implant cut there has a rim too."""
    index = np.argwhere(mask)
    end = ((index == 0) | (index == np.array(mask.shape) - 1)).any(axis=1)
    return site.geometry.positions(index[end])


def _nearest_to_pattern(
    flat: NDArray[np.float64], spacing_mm: float, tolerance_mm: float
) -> NDArray[np.int64]:
    """Find the point (N, 2) nearest to each node of a hexagonal pattern, row by row."""
    height = spacing_mm * math.sqrt(0.75)
    row = np.rint(flat[:, 1] / height)
    column = np.rint(flat[:, 0] / spacing_mm - 0.5 * (row % 2))
    node = np.stack([spacing_mm * (column + 0.5 * (row % 2)), height * row], axis=1)
    away = np.linalg.norm(flat - node, axis=1)
    order = np.lexsort((away, column, row))
    _, first = np.unique(node[order], axis=0, return_index=True)
    best = order[np.sort(first)]
    return best[away[best] <= tolerance_mm]


def drill_mask(
    site: Site, mask: NDArray[np.bool_], drills: tuple[Drill, ...], diameter_mm: float
) -> NDArray[np.bool_]:
    """Take the voxels of the holes out of a mask.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site.
        drills: The holes' axes.
        diameter_mm: Their diameter.

    Returns:
        bool (z, y, x).
    """
    result = mask.copy()
    for drill in drills:
        point, direction = np.asarray(drill.point), np.asarray(drill.direction)
        ends = site.geometry.indices(point + np.outer([-_REACH_MM, _REACH_MM], direction))
        aside = np.asarray(site.sigma(diameter_mm / 2))
        low = np.maximum(np.floor(ends.min(axis=0) - aside), 0).astype(int)
        high = np.ceil(ends.max(axis=0) + aside).astype(int) + 1
        box = tuple(slice(a, max(a, b)) for a, b in zip(low, high, strict=True))
        index = np.argwhere(result[box]) + low
        offset = site.geometry.positions(index) - point
        along = offset @ direction
        radius = np.sqrt(np.maximum((offset**2).sum(axis=1) - along**2, 0))
        hit = (radius <= diameter_mm / 2) & (np.abs(along) <= _REACH_MM)
        result[tuple(index[hit].T)] = False
    return result


def drill_mesh(mesh: Mesh, drills: tuple[Drill, ...], diameter_mm: float) -> Mesh:
    """Cut round holes through a mesh.

    Args:
        mesh: Watertight, LPS mm.
        drills: The holes' axes.
        diameter_mm: Their diameter.

    Returns:
        A watertight mesh.
    """
    from manifold3d import Manifold, OpType

    from skullfix.meshes.solid import from_manifold, to_manifold

    # a polygon with the area of the circle
    share = 2 * math.pi / (_SEGMENTS * math.sin(2 * math.pi / _SEGMENTS))
    radius = diameter_mm / 2 * math.sqrt(share)
    shift = mesh.vertices.mean(axis=0)
    tools = []
    for drill in drills:
        axis = np.asarray(drill.direction)
        u, v = across(axis)
        frame = np.column_stack([u, v, axis, np.asarray(drill.point) - shift])
        rod = Manifold.cylinder(2 * _REACH_MM, radius, radius, _SEGMENTS, True)
        tools.append(rod.transform(frame))
    bits = Manifold.batch_boolean(tools, OpType.Add)
    body = to_manifold(mesh, shift).simplify(_SIMPLIFY_MM)
    return from_manifold(body - bits, shift)
