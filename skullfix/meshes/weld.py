"""Vertices that the readers of mesh files cannot tell apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.meshes.mesh import Mesh

_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


def weld(mesh: Mesh) -> Mesh:
    """Join vertices whose positions are one in float32.

    A reader of STL knows vertices by their float32 positions alone. Two that are one to it tear a
    closed surface open: the triangles between them lose their area and are left out here, which
    closes the surface over them (an edge collapse). No other vertex moves, so no faces come to
    cross that a file of such numbers could show.

    Args:
        mesh: LPS mm.

    Returns:
        The mesh itself where there is nothing to join. Closed wherever the joined vertices were
        neighbours; a joined one has the position of the first of them.
    """
    places = mesh.vertices.astype(np.float32) + np.float32(0)  # so that -0 is 0
    alike = _alike(places)
    order = alike[np.lexsort(places[alike].T)]
    new = np.any(places[order[1:]] != places[order[:-1]], axis=1)
    if new.all():
        return mesh
    group = np.concatenate([[0], np.cumsum(new)])
    first = np.full(group[-1] + 1, len(places))
    np.minimum.at(first, group, order)
    joined = np.arange(len(places))
    joined[order] = first[group]
    concerned = np.zeros(len(places), bool)
    concerned[order] = True
    near = np.flatnonzero(concerned[mesh.faces].any(axis=1))
    faces = mesh.faces.copy()
    faces[near] = joined[faces[near]]
    kept = np.ones(len(faces), bool)
    kept[near] = _enclosing(faces[near])
    faces = faces[kept]
    used = np.zeros(len(places), bool)
    used[faces] = True
    renumbered = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return Mesh(mesh.vertices[used], renumbered[faces])


def _alike(places: NDArray[np.float32]) -> NDArray[np.int64]:
    """List those of (N, 3) positions that share their hash with another: all that are one, if any.

    Two that differ may share one too. This takes a tenth of the time of sorting the positions.
    """
    x, y, z = np.ascontiguousarray(places).view(np.uint32).astype(np.uint64).T
    hashes = (x * _FACTORS[0]) ^ (y * _FACTORS[1]) ^ (z * _FACTORS[2])
    ranked = np.sort(hashes)
    shared = ranked[1:][ranked[1:] == ranked[:-1]]
    return np.flatnonzero(np.isin(hashes, shared)) if len(shared) else np.empty(0, np.int64)


def _enclosing(faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell which of (M, 3) faces have three corners and none that lies back to back with them."""
    corners = np.sort(faces, axis=1)
    solid = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2])
    _, same, times = np.unique(corners[solid], axis=0, return_inverse=True, return_counts=True)
    solid[solid] = times[same.reshape(-1)] != 2  # two together enclose nothing
    return solid
