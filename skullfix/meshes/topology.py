"""Questions about how the faces of a mesh hang together; positions play no part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.sparse.jit import compiled


def is_closed(faces: NDArray[np.int32]) -> bool:
    """Whether every edge is run along exactly once in each sense: watertight and consistent.

    Args:
        faces: (M, 3) vertex rows.
    """
    return bool(len(faces)) and bool(_every_edge_once_each_way(faces, int(faces.max()) + 1))


def component_of_faces(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Count off the pieces of a mesh that hang together through vertices.

    Args:
        faces: (M, 3) vertex rows.

    Returns:
        (M,) int32 piece of each face, counted from 0 in the order of their first vertices.
    """
    if not len(faces):
        return np.empty(0, np.int32)
    first = _first_vertex_of_piece(faces, int(faces.max()) + 1)
    _, piece = np.unique(first, return_inverse=True)
    return piece.astype(np.int32).reshape(-1)


@compiled()
def edges_by_start(faces, size):  # type: ignore[no-untyped-def]
    """List where the edges of a mesh go, in the order of the vertices that they start from.

    Args:
        faces: (M, 3) int32 vertex rows.
        size: Number of vertices.

    Returns:
        (size + 1,) and (3 M,) int64: the edges of vertex k go to ends[begin[k] : begin[k + 1]].
    """
    begin = np.zeros(size + 1, np.int64)
    for face in range(len(faces)):
        for k in range(3):
            begin[faces[face, k] + 1] += 1
    for vertex in range(size):
        begin[vertex + 1] += begin[vertex]
    fill = begin[:-1].copy()
    ends = np.empty(3 * len(faces), np.int64)
    for face in range(len(faces)):
        for k in range(3):
            one = faces[face, k]
            ends[fill[one]] = faces[face, (k + 1) % 3]
            fill[one] += 1
    return begin, ends


@compiled()
def _every_edge_once_each_way(faces, size):  # type: ignore[no-untyped-def]
    """Go through the edges in the order of the vertices that they start from."""
    begin, end = edges_by_start(faces, size)
    for one in range(size):
        for edge in range(begin[one], begin[one + 1]):
            if end[edge] == one:
                return False
            same, back = 0, 0
            for at in range(begin[one], begin[one + 1]):
                same += end[at] == end[edge]
            for at in range(begin[end[edge]], begin[end[edge] + 1]):
                back += end[at] == one
            if same != 1 or back != 1:
                return False
    return True


@compiled()
def _first_vertex_of_piece(faces, size):  # type: ignore[no-untyped-def]
    """Find the smallest vertex of the piece of each face (union-find with path halving)."""
    parent = np.arange(size)
    for face in range(len(faces)):
        for k in range(2):
            one, other = faces[face, k], faces[face, k + 1]
            while parent[one] != one:
                parent[one] = parent[parent[one]]
                one = parent[one]
            while parent[other] != other:
                parent[other] = parent[parent[other]]
                other = parent[other]
            if one < other:
                parent[other] = one
            else:
                parent[one] = other
    first = np.empty(len(faces), np.int64)
    for face in range(len(faces)):
        vertex = faces[face, 0]
        while parent[vertex] != vertex:
            vertex = parent[vertex]
        first[face] = vertex
    return first
