"""Vertices that every file format can hold, and that its readers tell apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.meshes.mesh import Mesh

STEP_MM = 2.0**-13
"""Of the lattice: exact in the float32 of STL and PLY up to 2 m, distinct in five decimals."""
_FLOAT32_DIGITS = 24


def weld(mesh: Mesh) -> Mesh:
    """Move vertices onto a lattice of 0.12 micrometres and join those that meet there.

    A reader of STL knows vertices by their float32 positions alone. Two that are one to it tear a
    closed surface open: the triangles between them lose their area and are left out here, which
    closes the surface over them (an edge collapse).

    Args:
        mesh: LPS mm.

    Returns:
        The same surface, moved by at most 0.06 micrometres along each axis; closed wherever the
        joined vertices were neighbours.
    """
    if not len(mesh.vertices) or not np.isfinite(mesh.vertices).all():
        return mesh
    farthest = max(1.0, float(np.abs(mesh.vertices).max()))
    step = max(STEP_MM, 2.0 ** (np.ceil(np.log2(farthest)) - _FLOAT32_DIGITS))
    rows = np.rint(mesh.vertices / step).astype(np.int64)
    lattice, first, joined = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # vertices stay in their order
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    faces: NDArray[np.int32] = rank[joined.reshape(-1)][mesh.faces].astype(np.int32)
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, same, times = np.unique(
        np.sort(faces, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    faces = faces[times[same.reshape(-1)] != 2]  # two faces back to back enclose nothing
    used, renumbered = np.unique(faces, return_inverse=True)
    return Mesh(lattice[order][used] * step, renumbered.reshape(faces.shape).astype(np.int32))
