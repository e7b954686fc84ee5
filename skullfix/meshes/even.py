"""A surface without the stairs of its voxels."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from skullfix.meshes.parts import in_parts
from skullfix.meshes.topology import edges_by_start
from skullfix.sparse.jit import compiled

REACH = 0.5
"""How far (voxels, along each axis) a vertex may move: no farther than the mask is uncertain."""
_STEPS = 20
_FEWEST = 50_000  # vertices that are worth a thread


def even_vertices(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], reach: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move each vertex towards the mean of its neighbours, but never far from where it was.

    Stairs lie within half a voxel of the surface that they stand for, so they vanish, and with
    them nothing that the mask shows (a constrained elastic surface net).

    Args:
        vertices: (N, 3) float64, positions in voxels of the field that was cut.
        faces: (M, 3) int32, a closed surface.
        reach: The largest change of a coordinate, in the same voxels; one, or (N,) of them.

    Returns:
        (N, 3) float64, the new positions.
    """
    allowed = np.broadcast_to(np.asarray(reach, np.float64), len(vertices))
    begin, ends = edges_by_start(faces, len(vertices))  # closed: each neighbour once
    here, moved = vertices.copy(), np.empty_like(vertices)
    for _ in range(_STEPS):
        step = partial(_half_way, here, moved, vertices, allowed, begin, ends)
        in_parts(len(here), _FEWEST, step)
        here, moved = moved, here
    return here


@compiled()
def _half_way(here, moved, vertices, allowed, begin, ends, first, end):  # type: ignore[no-untyped-def]
    """Move some vertices half-way to their neighbours' mean, within their reach."""
    for k in range(first, end):
        count = begin[k + 1] - begin[k]
        if count == 0 or allowed[k] == 0.0:
            moved[k] = here[k]
            continue
        x, y, z = 0.0, 0.0, 0.0
        for at in range(begin[k], begin[k + 1]):
            other = ends[at]
            x += here[other, 0]
            y += here[other, 1]
            z += here[other, 2]
        for axis, total in enumerate((x, y, z)):
            wanted = 0.5 * (here[k, axis] + total / count)
            low, high = vertices[k, axis] - allowed[k], vertices[k, axis] + allowed[k]
            moved[k, axis] = min(max(wanted, low), high)
