"""A surface without the stairs of its voxels."""

from __future__ import annotations

import numba
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
    moved: NDArray[np.float64] = _relaxed(vertices, faces, _STEPS, reach)
    return moved


@numba.njit(cache=True, nogil=True)
def _relaxed(start, faces, steps, reach):  # type: ignore[no-untyped-def]
    """Half-way to the neighbours' mean in each step; each coordinate stays within a reach."""
    here = start.copy()
    count = np.zeros(len(start))
    for face in range(len(faces)):
        for k in range(3):
            count[faces[face, k]] += 2.0  # each neighbour is met in two faces
    total = np.empty_like(here)
    for _ in range(steps):
        total[:] = 0.0
        for face in range(len(faces)):
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            for k in range(3):
                at_a, at_b, at_c = here[a, k], here[b, k], here[c, k]
                total[a, k] += at_b + at_c
                total[b, k] += at_a + at_c
                total[c, k] += at_a + at_b
        for vertex in range(len(here)):
            if count[vertex] == 0.0:
                continue
            for k in range(3):
                wanted = 0.5 * (here[vertex, k] + total[vertex, k] / count[vertex])
                least, most = start[vertex, k] - reach, start[vertex, k] + reach
                here[vertex, k] = min(max(wanted, least), most)
    return here
