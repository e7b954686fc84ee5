"""Questions about how the faces of a mesh hang together; positions play no part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def directed_edges(faces: NDArray[np.int32]) -> NDArray[np.int64]:
    """List the edges that faces run along.

    Args:
        faces: (M, 3) vertex rows.

    Returns:
        (3 M, 2) int64, from vertex and to vertex, in the sense of the faces.
    """
    wide = faces.astype(np.int64)
    return np.concatenate([wide[:, [0, 1]], wide[:, [1, 2]], wide[:, [2, 0]]])


def is_closed(faces: NDArray[np.int32]) -> bool:
    """Whether every edge is run along exactly once in each sense: watertight and consistent."""
    if not len(faces):
        return False
    edges = directed_edges(faces)
    if (edges[:, 0] == edges[:, 1]).any():
        return False
    base = int(faces.max()) + 1
    forward = np.sort(edges[:, 0] * base + edges[:, 1])
    backward = np.sort(edges[:, 1] * base + edges[:, 0])
    unique = bool((forward[1:] != forward[:-1]).all())
    return unique and bool(np.array_equal(forward, backward))


def component_of_faces(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Count off the pieces of a mesh that hang together through vertices.

    Args:
        faces: (M, 3) vertex rows.

    Returns:
        (M,) int32 piece of each face, counted from 0.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(faces):
        return np.empty(0, np.int32)
    edges = directed_edges(faces)
    size = int(faces.max()) + 1
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), (size, size))
    _, label = connected_components(graph, directed=False)
    _, piece = np.unique(label[faces[:, 0]], return_inverse=True)
    return piece.astype(np.int32).reshape(-1)
