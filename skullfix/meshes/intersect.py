"""Triangles of a mesh that pass through each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.meshes.mesh import Mesh
from skullfix.sparse.jit import compiled


def self_intersections(mesh: Mesh) -> NDArray[np.int64]:
    """Find pairs of faces that cross.

    A tree of boxes over the faces, in the order of a space-filling curve, narrows the pairs down;
    the rest are tested by signed volumes: an edge of one face passes through the inside of the
    other. Faces that only touch, that share an edge, or that lie in one plane do not count.

    Args:
        mesh: Vertices in mm.

    Returns:
        (N, 2) int64, the two faces of each crossing.
    """
    if not len(mesh.faces):
        return np.empty((0, 2), np.int64)
    corners = mesh.triangles() - mesh.vertices.mean(axis=0)  # (M, 3, 3)
    order = np.argsort(_curve(corners.mean(axis=1)), kind="stable")
    sorted_corners = np.ascontiguousarray(corners[order])
    low, high = _box_tree(sorted_corners)
    pairs = _crossings(sorted_corners, np.ascontiguousarray(mesh.faces[order]), low, high)
    return np.asarray(order[pairs], np.int64).reshape(-1, 2)


def _box_tree(
    corners: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boxes of a binary tree over the faces; node n has the children 2 n and 2 n + 1.

    The root is node 1; face k is node leaves + k, where leaves is half the length. Leaves without
    a face have a box that meets none.
    """
    leaves = 1 << max(1, (len(corners) - 1).bit_length())
    low = np.full((2 * leaves, 3), np.inf)
    high = np.full((2 * leaves, 3), -np.inf)
    low[leaves : leaves + len(corners)] = corners.min(axis=1)
    high[leaves : leaves + len(corners)] = corners.max(axis=1)
    first = leaves // 2
    while first >= 1:
        children = slice(2 * first, 4 * first)
        low[first : 2 * first] = low[children].reshape(-1, 2, 3).min(axis=1)
        high[first : 2 * first] = high[children].reshape(-1, 2, 3).max(axis=1)
        first //= 2
    return low, high


def _curve(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of points (N, 3) on a Morton curve of ten bits an axis."""
    extent = max(float(np.ptp(points, axis=0).max()), 1e-9)
    cells = ((points - points.min(axis=0)) / extent * 1023).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code


@compiled()
def _crossings(corners, faces, low, high):  # type: ignore[no-untyped-def]
    """List the pairs (N, 2) of crossing faces, each once."""
    leaves = len(low) // 2
    found = np.empty((64, 2), np.int64)
    count = 0
    stack = np.empty(128, np.int64)
    for one in range(len(corners)):
        box_low, box_high = low[leaves + one], high[leaves + one]
        stack[0] = 1
        top = 1
        while top:
            top -= 1
            node = stack[top]
            if (
                low[node, 0] > box_high[0]
                or high[node, 0] < box_low[0]
                or low[node, 1] > box_high[1]
                or high[node, 1] < box_low[1]
                or low[node, 2] > box_high[2]
                or high[node, 2] < box_low[2]
            ):
                continue
            if node < leaves:
                last = node  # the last leaf under this node
                while last < leaves:
                    last = 2 * last + 1
                if last - leaves > one:  # only pairs with a later face
                    stack[top] = 2 * node
                    stack[top + 1] = 2 * node + 1
                    top += 2
                continue
            other = node - leaves
            if other <= one or _shared(faces[one], faces[other]) >= 2:
                continue
            a, b = corners[one], corners[other]
            if _edge_passes(a, b) or _edge_passes(b, a):
                if count == len(found):
                    more = np.empty((2 * count, 2), np.int64)
                    more[:count] = found
                    found = more
                found[count, 0], found[count, 1] = one, other
                count += 1
    return found[:count]


@compiled()
def _shared(one, other):  # type: ignore[no-untyped-def]
    """Count the vertices that two faces have in common."""
    count = 0
    for i in range(3):
        for j in range(3):
            if one[i] == other[j]:
                count += 1
    return count


@compiled()
def _edge_passes(one, other):  # type: ignore[no-untyped-def]
    """Whether an edge of the first triangle (3, 3) passes through the inside of the second."""
    u0, u1, u2 = other[1, 0] - other[0, 0], other[1, 1] - other[0, 1], other[1, 2] - other[0, 2]
    v0, v1, v2 = other[2, 0] - other[0, 0], other[2, 1] - other[0, 1], other[2, 2] - other[0, 2]
    n0, n1, n2 = u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0
    scale = 1e-7 * np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
    side = np.empty(3)  # distance of each corner from the plane, times the area
    for k in range(3):
        side[k] = (
            (one[k, 0] - other[0, 0]) * n0
            + (one[k, 1] - other[0, 1]) * n1
            + (one[k, 2] - other[0, 2]) * n2
        )
    for k in range(3):
        j = (k + 1) % 3
        if not ((side[k] > scale and side[j] < -scale) or (side[k] < -scale and side[j] > scale)):
            continue
        d0, d1, d2 = one[j, 0] - one[k, 0], one[j, 1] - one[k, 1], one[j, 2] - one[k, 2]
        smallest, largest, size = np.inf, -np.inf, 0.0
        for m in range(3):
            n = (m + 1) % 3
            p0, p1, p2 = (
                other[m, 0] - one[k, 0],
                other[m, 1] - one[k, 1],
                other[m, 2] - one[k, 2],
            )
            q0, q1, q2 = (
                other[n, 0] - one[k, 0],
                other[n, 1] - one[k, 1],
                other[n, 2] - one[k, 2],
            )
            turn = d0 * (p1 * q2 - p2 * q1) + d1 * (p2 * q0 - p0 * q2) + d2 * (p0 * q1 - p1 * q0)
            smallest, largest, size = min(smallest, turn), max(largest, turn), max(size, abs(turn))
        if smallest > 1e-9 * size or largest < -1e-9 * size:
            return True
    return False
