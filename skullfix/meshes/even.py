"""A surface without the stairs of its voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REACH = 0.5
"""How far (voxels, along each axis) a vertex may move: no farther than the mask is uncertain."""
_STEPS = 20


def even_vertices(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], reach: float
) -> NDArray[np.float64]:
    """Move each vertex towards the mean of its neighbours, but never far from where it was.

    Stairs lie within half a voxel of the surface that they stand for, so they vanish, and with
    them nothing that the mask shows (a constrained elastic surface net).

    Args:
        vertices: (N, 3) float64, positions in voxels of the field that was cut.
        faces: (M, 3) int32, a closed surface.
        reach: The largest change of a coordinate, in the same voxels.

    Returns:
        (N, 3) float64, the new positions.
    """
    from scipy.sparse import coo_array

    ahead = faces[:, [1, 2, 0]].ravel()
    edges = (np.concatenate([faces.ravel(), ahead]), np.concatenate([ahead, faces.ravel()]))
    size = len(vertices)
    # the other end of each edge, once for each of its two faces
    neighbours = coo_array((np.ones(len(edges[0])), edges), (size, size)).tocsr()
    share = 0.5 / np.maximum(neighbours.sum(axis=1), 1.0)[:, None]
    low, high = vertices - reach, vertices + reach
    here = vertices
    for _ in range(_STEPS):  # half-way to the neighbours' mean
        here = np.clip(0.5 * here + share * (neighbours @ here), low, high)
    return here
