"""An implant whose surface runs on from the bone's.

A network on a coarse grid knows the bone beside a hole less well than the scan does: at the very
rim its surface is off by a quarter of a millimetre, and where it starts too high or too low it
stays so for a centimetre and more. The bone's own surface, continued by a few millimetres, tells
by how much (`continued`); what that means for the rest of the surface follows from how such errors
go together (`expected_error`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.spatial import cKDTree

from skullfix.images.box import bounding_box, crop, slices, widened
from skullfix.images.nearest import grid_tree
from skullfix.images.volume import Geometry, Volume
from skullfix.rim.continued import REACH_MM, continued
from skullfix.rim.error import FARTHEST_MM, Places, expected_error
from skullfix.rim.surface import Points, Surface, outermost, thinned

_CLEAR_MM = 1.0  # bone nearer to the implant is blurred with it, and says nothing
_FALL_MM = 0.5  # uncertainty of bone there is a voxel's length, and falls off like this
_BEYOND_MM = 3.0  # of REACH_MM, from the rim to the last bone that counts
_BAND_MM = (0.3, 3.5)  # from the bone, in which its continuation tells of the implant
_EVERY_MM, _BONE_EVERY_MM = 2.0, 1.5  # between places of the band, of the bone
_WANTED_EVERY_MM = 1.0  # between places at which the error is foretold
_LEAST, _LEAST_BONE = 10, 30  # places
_NONE = 1e-6
_STILL_MM = 0.02  # what would move by less stays as it is


def levelled(implant: Volume, bone: Volume) -> Volume:
    """Move an implant's surfaces to where they run on from the bone's.

    Args:
        implant: bool (z, y, x), not empty, without a voxel of the bone.
        bone: The defective skull on the same grid, bool.

    Returns:
        bool on the same grid, without a voxel of the bone; as it was where nothing can be said.
    """
    box = bounding_box(implant.array)
    if box is None:
        return implant
    low, high = widened(box, bone.geometry, REACH_MM + _BEYOND_MM + FARTHEST_MM)
    where = slices(low, high)
    site = _Site.of(implant.array[where], bone.array[where], crop(bone, low, high).geometry)
    error = site.error()
    if error is None:
        return implant
    result = implant.array.copy()
    result[where] = site.moved(*error)
    return Volume(result, bone.geometry)


@dataclass(frozen=True, eq=False)
class _Site:
    """An implant and the bone around it.

    Attributes:
        own, solid: bool (z, y, x), the implant and the bone.
        surface: Of both together.
        rows: (N, 3) indices (z, y, x) of the implant's voxels at that surface.
        bony: (M, 3) of the bone's.
    """

    own: NDArray[np.bool_]
    solid: NDArray[np.bool_]
    surface: Surface
    rows: NDArray[np.int64]
    bony: NDArray[np.int64]

    @classmethod
    def of(cls, own: NDArray[np.bool_], solid: NDArray[np.bool_], grid: Geometry) -> _Site:
        whole = own | solid
        edge = outermost(whole)
        rows, bony = (_in_order(np.argwhere(edge & part), grid) for part in (own, solid))
        return cls(own, solid, Surface.of(whole, grid), rows, bony)

    @cached_property
    def points(self) -> Points:
        """(N, 3) LPS mm, of `rows`."""
        return self.surface.grid.positions(self.rows)

    @cached_property
    def normals(self) -> Points:
        """(N, 3) unit normals at `rows`, outwards."""
        return self.surface.normals(self.rows)

    @cached_property
    def bone_points(self) -> Points:
        """(M, 3) LPS mm, of `bony`."""
        return self.surface.grid.positions(self.bony)

    def error(self) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
        """Foretell how far out the surface should be moved, mm, at some of `rows`.

        The answer is which of them, and the (W,) distances; None where nothing can be said.
        """
        bone_points, bone_normals, uncertainty = self._bone()
        if len(bone_points) < _LEAST_BONE:
            return None
        walls = self.surface.grid.positions(np.argwhere(outermost(self.solid)))
        depth = np.asarray(grid_tree(walls).query(self.points)[0])
        band = np.flatnonzero((depth > _BAND_MM[0]) & (depth < _BAND_MM[1]))
        band = band[thinned(self.points[band], _EVERY_MM)]
        starts, near = self.surface.nearest(self.points[band], self.normals[band])
        band = band[near]
        found = continued(starts, self.normals[band], bone_points, bone_normals, uncertainty)
        known = np.isfinite(found.height)
        if np.count_nonzero(known) < _LEAST:
            return None
        places = Places.of(self.points, self.normals, depth)
        wanted = thinned(self.points, _WANTED_EVERY_MM)
        rim = places.part(band[known])
        return wanted, expected_error(
            rim, found.height[known], found.variance[known], places.part(wanted)
        )

    def _bone(self) -> tuple[Points, Points, NDArray[np.float64]]:
        """Give places on the bone's surface near the implant's, the normals there, and how surely.

        The last is a standard deviation along the normal, mm: of the voxels, and of the implant,
        with which the nearest bone is blurred.
        """
        own = grid_tree(self.points)
        near = own.query(self.bone_points, distance_upper_bound=REACH_MM + _BEYOND_MM)[0]
        clear = np.isfinite(near) & (near > _CLEAR_MM)
        normals = self.surface.normals(self.bony[clear])
        places, found = self.surface.nearest(self.bone_points[clear], normals)
        chosen = thinned(places, _BONE_EVERY_MM)
        places, normals = places[chosen], normals[found][chosen]
        beyond = np.maximum(own.query(places)[0] - _CLEAR_MM, 0)
        mixed = np.mean(self.surface.grid.spacing) * np.exp(-beyond / _FALL_MM)
        return places, normals, np.hypot(self.surface.uncertainty(normals), mixed)

    def moved(self, which: NDArray[np.int64], error: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Give the implant with its surface moved by what is foretold at some of `rows`.

        What lies nearest to the bone's surface is left alone.
        """
        grid = self.surface.grid
        by = error[cKDTree(self.points[which]).query(self.points)[1]]
        reach = float(np.abs(by).max()) + max(grid.spacing)
        rows = np.argwhere(_around(self.rows, self.own.shape, reach, grid) & ~self.solid)
        both = cKDTree(np.concatenate([self.points, self.bone_points]))
        places = grid.positions(rows)
        far, nearest = map(np.asarray, both.query(places, distance_upper_bound=reach))
        near = np.isfinite(far) & (nearest < len(self.rows))
        near[near] = np.abs(by[nearest[near]]) > _STILL_MM
        rows, places, nearest = rows[near], places[near], nearest[near]
        steps = by[nearest, None] * self.normals[nearest]
        before, after = self.surface.holds(places), self.surface.holds(places - steps)
        result = self.own.copy()
        there = tuple(rows.T)
        result[there] = np.where(before == after, result[there], after)
        result[there] |= _faces(result | self.solid, rows) > 4  # no pit of one voxel is left behind
        return result


def _in_order(rows: NDArray[np.int64], grid: Geometry) -> NDArray[np.int64]:
    """Sort voxels (N, 3), z, y, x, by place, so that the order of the axes decides nothing.

    Of points that are equally near to another the search takes one by their order.
    """
    return rows[np.lexsort(np.round(grid.positions(rows).T, 3))]


def _faces(mask: NDArray[np.bool_], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count, of the six neighbours of voxels (N, 3) indices (z, y, x), those in a mask."""
    padded = np.pad(mask, 1)
    steps = np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)]) + 1
    return np.asarray(sum(padded[tuple((rows + step).T)].astype(int) for step in steps))


def _around(
    rows: NDArray[np.int64], shape: tuple[int, ...], reach: float, grid: Geometry
) -> NDArray[np.bool_]:
    """Mark all voxels (z, y, x) within `reach` mm of some, along each axis."""
    marked = np.zeros(shape, np.float32)
    marked[tuple(rows.T)] = 1
    sizes = [2 * int(np.ceil(reach / step)) + 1 for step in grid.spacing[::-1]]
    return np.asarray(uniform_filter(marked, sizes, mode="constant") > _NONE)
