"""From a mask to a closed surface that keeps the mask's volume."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.errors import InputError
from skullfix.meshes.even import REACH, even_vertices
from skullfix.meshes.intersect import self_intersections
from skullfix.meshes.mesh import MaskVolume, Mesh
from skullfix.meshes.parts import in_parts
from skullfix.meshes.topology import is_closed

_MARGIN = 4  # empty voxels around the mask, more than the smoothing reaches
_KEEP_AWAY = 0.02  # no value nearer to the level than this, so that no two vertices coincide
_VOLUME_TOLERANCE = 0.004
_FEWEST_SLABS = 50  # of the field that are worth a thread
_STEPS = 10
_ROUNDS = 5  # of holding back what crosses
_MOST_FINE_VOXELS = 30_000_000
_NOTHING = Mesh(np.empty((0, 3)), np.empty((0, 3), np.int32))


def mask_surface(mask: MaskVolume, *, smoothing: float = 0.7, level: float | None = None) -> Mesh:
    """Triangulate the surface of a mask.

    The mask is blurred lightly and cut where the enclosed volume is that of its voxels, so a thin
    plate keeps its volume. The blur also separates voxels that touch only along an edge or at a
    corner, which no closed manifold could pass through. Marching cubes (Lewiner's, which settles
    ambiguous cells) then gives a closed surface, whose stairs are evened out by no more than half
    a voxel (not where faces would come to cross); it is checked.

    Args:
        mask: bool or uint8 {0, 1} (z, y, x) on any grid, right- or left-handed.
        smoothing: Standard deviation of the blur in voxels, 0.3 to 2.
        level: Cut the blurred mask (0 to 1) here instead of where the volume is kept.

    Returns:
        A watertight mesh in LPS mm with outward normals; without ``level`` its volume is within
        2 % of the mask's (in nearly all cases 0.4 %).

    Raises:
        InputError: The mask is empty, or no closed surface that keeps its volume was found.
    """
    if not 0.3 <= smoothing <= 2.0:
        raise InputError(
            f"A smoothing of {smoothing} voxels was asked for; it must lie between 0.3 and 2.",
            hint="0.7 suits most masks.",
        )
    affine = mask.geometry.affine()
    part, low = _cropped(mask.array)
    if level is None:
        return _keep_volume(part, low, affine, smoothing)
    mesh = cut_surface(*_blurred(part, low, affine, smoothing, 1), level)
    if not is_closed(mesh.faces):
        raise InputError(
            "The surface of the mask is not closed; the mask is too ragged.",
            hint="Remove specks from the mask or raise the smoothing.",
        )
    return mesh


def _cropped(array: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Crop a mask to its voxels; also the index (z, y, x) of the crop's first voxel."""
    solid = array.astype(bool, copy=False)
    lines = [solid.any(axis=tuple(a for a in range(3) if a != axis)) for axis in range(3)]
    if not lines[0].any():
        raise InputError("The mask is empty: no surface can be made.", hint="Check the mask.")
    ends = [np.flatnonzero(line)[[0, -1]] for line in lines]
    part = solid[tuple(slice(first, last + 1) for first, last in ends)]
    return part, np.array([first for first, _ in ends], np.int64)


def _blurred(
    part: NDArray[np.bool_],
    low: NDArray[np.int64],
    affine: NDArray[np.float64],
    smoothing: float,
    factor: int,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Blur a mask, each voxel first cut into factor**3; the field and its own affine."""
    fine = part
    for axis in range(3):
        fine = fine.repeat(factor, axis=axis) if factor > 1 else fine
    margin = max(_MARGIN, math.ceil(3.0 * smoothing) + 1)
    field = np.zeros(tuple(n + 2 * margin for n in fine.shape), np.float32)
    field[(slice(margin, -margin),) * 3] = fine
    for axis in range(3):
        _blur_along(field, smoothing, axis)
    # index of the field -> index of the whole mask -> world
    to_mask = np.eye(4)
    to_mask[:3, :3] /= factor
    to_mask[:3, 3] = low[::-1] - 0.5 + (0.5 - margin) / factor
    return field, affine @ to_mask


def _blur_along(field: NDArray[np.float32], smoothing: float, axis: int) -> None:
    """Blur along an axis, in place; slabs across another axis are shared out between threads."""
    slabs = np.moveaxis(field, 1 if axis == 0 else 0, 0)
    along = axis if axis else 1  # of the slabs' own axes

    def blur(first: int, end: int) -> None:
        part = slabs[first:end]
        ndimage.gaussian_filter1d(part, smoothing, along, truncate=3.0, output=part)

    in_parts(len(slabs), _FEWEST_SLABS, blur)


def _keep_volume(
    part: NDArray[np.bool_], low: NDArray[np.int64], affine: NDArray[np.float64], smoothing: float
) -> Mesh:
    """Cut a blurred mask where its volume is kept; specks need a finer grid for that.

    Returns:
        A closed mesh.
    """
    count = int(np.count_nonzero(part))
    wanted = count * abs(float(np.linalg.det(affine[:3, :3]))) / 1000.0
    found = 0.0
    for factor, reach in ((1, REACH), (1, 0.0), (2, 0.0), (4, 0.0)):
        if factor > 1 and part.size * factor**3 > _MOST_FINE_VOXELS:
            break
        field, fine_affine = _blurred(part, low, affine, smoothing, factor)
        mesh, stairs = _search_level(field, fine_affine, count * factor**3, wanted, reach)
        if reach:
            mesh = _without_crossings(mesh, stairs, fine_affine, reach)
        found = mesh.volume_ml()
        if abs(found - wanted) <= 0.02 * wanted and is_closed(mesh.faces):
            return mesh
    raise InputError(
        f"The surface of the mask encloses {found:.4g} ml, its voxels {wanted:.4g} ml;"
        " at most 2 % difference was expected.",
        hint="Remove specks of single voxels from the mask, or lower the smoothing.",
    )


def _search_level(
    field: NDArray[np.float32],
    affine: NDArray[np.float64],
    count: int,
    wanted: float,
    reach: float,
) -> tuple[Mesh, Mesh]:
    """Cut a field where the volume enclosed is the one wanted: regula falsi on the level.

    Returns:
        The surface, and that of `_stairs` which it was made of.
    """
    above, below = float(field.max()), 0.0  # levels that enclose too little, too much
    error_above, error_below = -wanted, math.nan
    # a first guess: half way to where as many voxels are above the level as the mask has
    raised = field[field > 0.05]
    level = 0.5
    if len(raised) > count:
        level = 0.25 + 0.5 * float(np.partition(raised, -count)[-count])
    level = min(level, 0.9 * above)
    best: tuple[Mesh, Mesh] | None = None
    best_error = math.inf
    for _ in range(_STEPS):
        stairs = _stairs(field, level)
        mesh = _placed(stairs, affine, reach)
        error = mesh.volume_ml() - wanted
        if best is None or (abs(error) < best_error and is_closed(mesh.faces)):
            best, best_error = (mesh, stairs), abs(error)
        if best_error <= _VOLUME_TOLERANCE * wanted:
            break
        if error < 0:
            above, error_above = level, error
        else:
            below, error_below = level, error
        if math.isnan(error_below):
            level *= 0.75
        else:
            share = error_below / (error_below - error_above)
            level = below + (above - below) * min(max(share, 0.1), 0.9)
    assert best is not None
    return best


def _without_crossings(mesh: Mesh, stairs: Mesh, affine: NDArray[np.float64], reach: float) -> Mesh:
    """Leave the stairs where faces of an evened surface cross, and near there if need be.

    Returns:
        A surface without crossings; one without faces where every part of it would be stairs.
    """
    allowed = np.full(len(stairs.vertices), reach)
    for _ in range(_ROUNDS):
        crossing = self_intersections(mesh)
        if not len(crossing):
            return mesh
        held = allowed == 0
        held[mesh.faces[crossing].ravel()] = True
        around = held[mesh.faces].any(axis=1)  # all faces that touch them
        allowed[mesh.faces[around].ravel()] = 0
        mesh = _placed(stairs, affine, allowed)
    return _NOTHING


def cut_surface(field: NDArray[np.float32], affine: NDArray[np.float64], level: float) -> Mesh:
    """Cut a field at a level by marching cubes.

    Args:
        field: (z, y, x) float32, above the level inside; its border lies outside.
        affine: (4, 4) float64, index (x, y, z, 1) to world (LPS mm, 1).
        level: Where to cut.

    Returns:
        A mesh in LPS mm with outward normals; without faces where nothing is above the level.
    """
    return _placed(_stairs(field, level), affine, 0.0)


def _stairs(field: NDArray[np.float32], level: float) -> Mesh:
    """Cut a field by marching cubes; vertices are indices (x, y, z) of the field."""
    from skimage.measure import marching_cubes

    offset = np.empty_like(field)
    for here, there in zip(field, offset, strict=True):  # by slices, which fit in the caches
        np.subtract(here, np.float32(level), out=there)
        np.copysign(np.maximum(np.abs(there), np.float32(_KEEP_AWAY)), there, out=there)
    if not offset.max(initial=0) > 0:
        return _NOTHING
    vertices, faces, _, _ = marching_cubes(offset, 0.0, allow_degenerate=True)
    index = np.ascontiguousarray(vertices[:, ::-1], np.float64)
    return Mesh(index, np.ascontiguousarray(faces, np.int32))


def _placed(stairs: Mesh, affine: NDArray[np.float64], reach: float | NDArray[np.float64]) -> Mesh:
    """Even a surface out and bring it from indices to the world, its normals outward."""
    index = stairs.vertices
    if np.any(reach):
        index = even_vertices(index, stairs.faces, reach)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    mesh = Mesh(np.ascontiguousarray(world), stairs.faces)
    if mesh.volume_ml() < 0:
        mesh = Mesh(mesh.vertices, np.ascontiguousarray(mesh.faces[:, ::-1]))
    return mesh
