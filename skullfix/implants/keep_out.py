"""A surface that rests on the bone instead of cutting into it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.implants.site import Site
from skullfix.meshes.intersect import self_intersections
from skullfix.meshes.mesh import Mesh

_ROUNDS = 4
_MOST_LOST = 0.01  # share of the volume; on a coarse grid a lip is too thin for more


def keep_out_of_bone(site: Site, mesh: Mesh) -> Mesh:
    """Move vertices that lie in bone to its surface, where a lip rests on the outer table.

    Args:
        site: Where the implant is.
        mesh: LPS mm, closed, in bone by less than a voxel.

    Returns:
        The mesh with those vertices moved, part of the way if more than a hundredth of the volume
        would go; as they were around faces that would come to cross.
    """
    vertices = mesh.vertices.copy()
    for _ in range(_ROUNDS):
        depth = -bone_distance(site, vertices)
        deep = np.flatnonzero(depth > 1e-3)
        if not len(deep):
            break
        slope = _slope(site, vertices[deep])
        steep = np.maximum((slope**2).sum(axis=1, keepdims=True), 0.25)
        vertices[deep] += depth[deep, None] * slope / steep
    else:
        deep = np.flatnonzero(bone_distance(site, vertices) < -site.voxel / 2)
        vertices[deep] = mesh.vertices[deep]
    if np.array_equal(vertices, mesh.vertices):
        return mesh
    lost = 1.0 - Mesh(vertices, mesh.faces).volume_ml() / mesh.volume_ml()
    share = min(1.0, _MOST_LOST / max(lost, 1e-9))
    vertices = mesh.vertices + share * (vertices - mesh.vertices)
    for _ in range(_ROUNDS):
        moved = Mesh(vertices, mesh.faces)
        crossing = np.unique(self_intersections(moved))
        if not len(crossing):
            return moved
        near = np.isin(mesh.faces, mesh.faces[crossing]).any(axis=1)  # with their neighbours
        around = np.unique(mesh.faces[near])
        vertices[around] = mesh.vertices[around]
    return mesh


def bone_distance(site: Site, world: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (mm) of positions (N, 3; LPS) from the bone's surface, negative in bone."""
    values: NDArray[np.float64] = ndimage.map_coordinates(
        site.to_bone, site.geometry.indices(world).T, output=np.float64, order=1, mode="nearest"
    )
    return values


def _slope(site: Site, world: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) increase of the distance from the bone along x, y and z (LPS)."""
    step = 0.5 * site.voxel
    slope = np.empty_like(world)
    for axis in range(3):
        aside = np.zeros(3)
        aside[axis] = step
        slope[:, axis] = bone_distance(site, world + aside) - bone_distance(site, world - aside)
    return slope / (2 * step)
