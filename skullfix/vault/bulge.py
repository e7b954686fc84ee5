"""An implant of the vault, bent towards what other heads' vaults are like.

In the middle of a wide hole nothing near tells how far out the bone runs. A network and a
statistical model of the vault's shape, which sees the whole vault at once, err in different ways
there, so that a mean of both is nearer than either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, uniform_filter
from scipy.spatial import Delaunay, cKDTree

from skullfix.images.box import bounding_box, crop, slices, widened
from skullfix.images.midplane import Plane
from skullfix.images.resample import block_average
from skullfix.images.volume import Geometry, Volume
from skullfix.vault.directions import vault_directions
from skullfix.vault.expect import expected
from skullfix.vault.population import Vaults
from skullfix.vault.pose import fitted_pose, rough_pose
from skullfix.vault.surfaces import Pose, plausible, surfaces

SHARES = np.array([[0.65], [0.5]])
"""Of the way to the expected outer and inner surface that is gone deep in a hole, (2, 1)."""

FARTHEST_MM = 2.0
"""By which the expectation counts as different from the implant, at most."""

TRUSTED_MM = 0.4
"""Where the bone that is seen misses its own expectation by more, nothing is bent."""

_DEEP = 0.3  # radians from the nearest bone at which the shares are reached
_RIM = 0.05  # radians from the implant within which nothing counts as seen
_LITTLE = 25  # occupancy of the implant, of 255, that counts
_LEAST_SEEN = 0.4  # of the vault's directions
_FADING = 0.1  # height on the unit sphere below which the way ends: there the face begins
_GRID_MM = 2.5  # on which the way is laid out
_BEYOND_MM = 8.0  # of the surfaces the way is zero
_STILL = 0.001  # voxels: what moves by less stays as it is
_OWN_SHARE = 0.2  # of what a voxel takes over that must be implant


def bulged(implant: Volume, bone: Volume, field: Volume, plane: Plane, vaults: Vaults) -> Volume:
    """Bend an implant, as far as it lies on the vault, towards what is expected there.

    Args:
        implant: bool (z, y, x), not empty, without a voxel of the bone.
        bone: The defective skull on the same grid, bool.
        field: float32 on any grid: the surfaces between which the implant lies are where it is
            zero; positive inside. Finer than voxels, it moves by less than a voxel too.
        plane: The skull's mid-sagittal plane.
        vaults: The population that the expectation comes from.

    Returns:
        bool on the same grid, without a voxel of the bone; as it was where nothing can be said.
    """
    whole = Volume(implant.array | bone.array, bone.geometry)
    box = bounding_box(whole.array)
    if box is None:
        return implant
    skull, added = (block_average(crop(mask, *box)) for mask in (whole, implant))
    pose = fitted_pose(skull, rough_pose(skull, plane), vaults.to_fit())
    found = surfaces(skull, pose, vault_directions())
    hidden = _directions_of(added, pose)
    if np.count_nonzero(plausible(found) & ~hidden) < _LEAST_SEEN * len(hidden):
        return implant
    answer = expected(vaults, found, hidden)
    if answer is None or answer.miss > TRUSTED_MM:
        return implant
    way = _way(found, answer.radii, hidden)
    found = np.where(np.isfinite(found), found, vaults.mean)
    return _bent(implant, bone, field, pose, found, way) if way.any() else implant


def _directions_of(added: Volume, pose: Pose) -> NDArray[np.bool_]:
    """Tell in which of `vault_directions` an implant, uint8 occupancy, lies or is near."""
    points = pose.own(added.geometry.positions(np.argwhere(added.array > _LITTLE)))
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    if not len(points):
        return np.zeros(len(vault_directions()), bool)
    return np.asarray(cKDTree(points).query(vault_directions())[0] < _RIM)


def _way(
    found: NDArray[np.float64], wanted: NDArray[np.float64], hidden: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Lay out how far each surface moves outwards: (2, N) mm, zero at the rim and outside.

    Rounded, because the digits that are cut off depend on the number of threads.
    """
    directions = vault_directions()
    chord = cKDTree(directions[~hidden]).query(directions)[0]
    depth = np.minimum(2 * np.arcsin(chord / 2) / _DEEP, 1)
    height = np.clip(directions[:, 2] / _FADING, 0, 1)
    counts: NDArray[np.bool_] = hidden & plausible(found)
    counts &= np.isfinite(wanted).all(0)
    off = np.where(counts, wanted - found, 0)
    return np.round(SHARES * depth * height * np.clip(off, -FARTHEST_MM, FARTHEST_MM), 4)


def _bent(
    implant: Volume,
    bone: Volume,
    field: Volume,
    pose: Pose,
    found: NDArray[np.float64],
    way: NDArray[np.float64],
) -> Volume:
    """Move both surfaces of an implant outwards by `way`, (2, N) mm; what is between follows."""
    result = implant.array.copy()
    box = bounding_box(implant.array)
    if box is None:
        return implant
    low, high = widened(box, bone.geometry, FARTHEST_MM)
    where = slices(low, high)
    own, solid = implant.array[where], bone.array[where]
    grid = crop(implant, low, high).geometry
    sizes = [2 * round(FARTHEST_MM / step) + 1 for step in grid.spacing[::-1]]
    around = uniform_filter(own.astype(np.float32), sizes)
    border = np.argwhere((around > 1e-4) & (around < 1 - 1e-4) & ~solid)
    steps = _steps(grid, border, pose, found, way)
    moves = np.abs(steps).max(1, initial=0) > _STILL
    border, source = border[moves], border[moves] - steps[moves]
    share, mine = (
        map_coordinates(mask.astype(np.float32), source.T, order=1, mode="nearest")
        for mask in (own | solid, own)
    )
    there = np.linalg.solve(field.geometry.affine(), grid.affine())
    index = source[:, ::-1] @ there[:3, :3].T + there[:3, 3]
    inside = map_coordinates(field.array, index[:, ::-1].T, order=1, mode="nearest") > 0
    result[where][tuple(border.T)] = inside & (mine > _OWN_SHARE * share)
    return Volume(result, bone.geometry)


def _steps(
    grid: Geometry,
    rows: NDArray[np.int64],
    pose: Pose,
    found: NDArray[np.float64],
    way: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Find by how many voxels (z, y, x) each of some voxels is moved: (M, 3)."""
    every = np.array([max(1, round(_GRID_MM / step)) for step in grid.spacing])
    counts = -(-np.array(grid.size) // every) + 1
    index = np.stack(np.meshgrid(*(np.arange(n) for n in counts), indexing="ij"), -1) * every
    points = pose.own(grid.positions(index[..., ::-1]))
    distance = np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-9)
    outward = points / distance
    outer, inner, out_by, in_by = np.moveaxis(_spread(found, way, outward), -1, 0)
    far = distance[..., 0]
    share = np.clip((far - inner - in_by) / np.maximum(outer + out_by - inner - in_by, 1), 0, 1)
    step = (1 - share) * in_by + share * out_by
    step[(far < inner - _BEYOND_MM) | (far > outer + _BEYOND_MM)] = 0
    moved = (outward * step[..., None]) @ (np.linalg.inv(grid.affine()[:3, :3]) @ pose.axes).T
    places = (rows[:, ::-1] / every).T
    return np.stack(
        [map_coordinates(moved[..., axis], places, order=1, mode="nearest") for axis in (2, 1, 0)],
        1,
    )


def _spread(
    found: NDArray[np.float64], way: NDArray[np.float64], outward: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate between the vault's directions, to (..., 4): both surfaces and their ways.

    On a map of the vault as seen from above that keeps angles from the vertex (azimuthal
    equidistant), in the triangle of the three directions around a place; zero beyond it.
    (Barycentric coordinates; importing `scipy.interpolate` for them would take half a second.)
    """
    values = np.concatenate([found, way]).T
    triangles = Delaunay(_flat(vault_directions()))
    places = _flat(outward)
    number = triangles.find_simplex(places)
    frame = triangles.transform[number]
    two = np.einsum("...ij,...j->...i", frame[..., :2, :], places - frame[..., 2, :])
    weights = np.concatenate([two, 1 - two.sum(-1, keepdims=True)], -1)
    spread = np.einsum("...i,...ik->...k", weights, values[triangles.simplices[number]])
    return np.where(number[..., None] < 0, 0, spread)


def _flat(outward: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map unit vectors (..., 3) to the plane, (..., 2)."""
    angle = np.arccos(np.clip(outward[..., 2:], -1, 1))
    flat = outward[..., :2] / np.maximum(
        np.linalg.norm(outward[..., :2], axis=-1, keepdims=True), 1e-9
    )
    projected: NDArray[np.float64] = flat * angle
    return projected
