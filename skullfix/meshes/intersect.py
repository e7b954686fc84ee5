"""Triangles of a mesh that pass through each other."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from skullfix.meshes.mesh import Mesh
from skullfix.meshes.parts import in_parts
from skullfix.sparse.jit import compiled

_BUCKET = 8  # faces in a leaf of the tree
_FEWEST = 5_000  # leaves, or faces, that are worth a thread


def self_intersections(mesh: Mesh) -> NDArray[np.int64]:
    """Find pairs of faces that cross.

    A tree of boxes over handfuls of faces, in the order of a space-filling curve, narrows the pairs
    down; the rest are tested by signed volumes: an edge of one face passes through the inside of
    the other. Faces that only touch, that share an edge, or that lie in one plane do not count.

    Args:
        mesh: Vertices in mm.

    Returns:
        (N, 2) int64, the two faces of each crossing.
    """
    if not len(mesh.faces):
        return np.empty((0, 2), np.int64)
    centred = mesh.vertices - mesh.vertices.mean(axis=0)
    order = np.argsort(_curve(centred, mesh.faces), kind="stable")
    faces = np.ascontiguousarray(mesh.faces[order])
    corners, planes = np.empty((len(faces), 3, 3)), np.empty((len(faces), 4))
    boxes = np.empty((len(faces), 6))
    in_parts(len(faces), _FEWEST, partial(_lay_out, centred, faces, corners, planes, boxes))
    tree = _tree(boxes, _BUCKET)
    search = partial(_crossings, corners, planes, faces, boxes, tree, _BUCKET)
    found = in_parts(-(-len(faces) // _BUCKET), _FEWEST, search)
    return np.asarray(order[np.concatenate(found)], np.int64).reshape(-1, 2)


@compiled()
def _curve(vertices, faces):  # type: ignore[no-untyped-def]
    """Place of the middle of each face on a Morton curve of ten bits an axis, (M,) int64."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for face in range(len(faces)):
        for axis in range(3):
            middle = _middle(vertices, faces, face, axis)
            low[axis], high[axis] = min(low[axis], middle), max(high[axis], middle)
    extent = max((high - low).max(), 1e-9)
    code = np.empty(len(faces), np.int64)
    for face in range(len(faces)):
        place = 0
        for axis in range(3):
            cell = int((_middle(vertices, faces, face, axis) - low[axis]) / extent * 1023)
            cell = (cell | cell << 16) & 0x30000FF  # two empty bits between its ten bits
            cell = (cell | cell << 8) & 0x300F00F
            cell = (cell | cell << 4) & 0x30C30C3
            cell = (cell | cell << 2) & 0x9249249
            place |= cell << axis
        code[face] = place
    return code


@compiled(inline="always")
def _middle(vertices, faces, face, axis):  # type: ignore[no-untyped-def]
    """Three times the middle of a face along an axis."""
    return (
        vertices[faces[face, 0], axis]
        + vertices[faces[face, 1], axis]
        + vertices[faces[face, 2], axis]
    )


@compiled()
def _lay_out(vertices, faces, corners, planes, boxes, first, end):  # type: ignore[no-untyped-def]
    """Fill in corners (M, 3, 3), planes (M, 4) and boxes (M, 6) of some faces.

    A plane is a normal, as long as twice the area, and the distance from it, times that, up to
    which a point lies in it; a box the smallest and largest x, y and z.
    """
    for face in range(first, end):
        for axis in range(3):
            for k in range(3):
                corners[face, k, axis] = vertices[faces[face, k], axis]
            a, b, c = corners[face, 0, axis], corners[face, 1, axis], corners[face, 2, axis]
            boxes[face, axis] = min(a, b, c)
            boxes[face, 3 + axis] = max(a, b, c)
        x, y, z = corners[face, 0]
        u0, u1, u2 = corners[face, 1, 0] - x, corners[face, 1, 1] - y, corners[face, 1, 2] - z
        v0, v1, v2 = corners[face, 2, 0] - x, corners[face, 2, 1] - y, corners[face, 2, 2] - z
        n0, n1, n2 = u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0
        planes[face, 0], planes[face, 1], planes[face, 2] = n0, n1, n2
        planes[face, 3] = 1e-7 * np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)


@compiled(inline="always")
def _apart(one, i, other, j):  # type: ignore[no-untyped-def]
    """Whether two boxes, row i of (N, 6) and row j of (M, 6), have no point in common.

    All six comparisons are made: which of them holds cannot be foretold.
    """
    return (
        (one[i, 0] > other[j, 3])
        | (one[i, 3] < other[j, 0])
        | (one[i, 1] > other[j, 4])
        | (one[i, 4] < other[j, 1])
        | (one[i, 2] > other[j, 5])
        | (one[i, 5] < other[j, 2])
    )


@compiled()
def _tree(boxes, bucket):  # type: ignore[no-untyped-def]
    """Boxes of a binary tree over the faces; node n has the children 2 n and 2 n + 1.

    The root is node 1; leaf node leaves + k holds faces k * bucket and following, where leaves is
    half the length. Nodes without a face have a box that meets none.
    """
    leaves = 1
    while leaves * bucket < len(boxes):
        leaves *= 2
    tree = np.empty((2 * leaves, 6))
    tree[:, :3] = np.inf
    tree[:, 3:] = -np.inf
    for face in range(len(boxes)):
        node = leaves + face // bucket
        for axis in range(3):
            tree[node, axis] = min(tree[node, axis], boxes[face, axis])
            tree[node, 3 + axis] = max(tree[node, 3 + axis], boxes[face, 3 + axis])
    for node in range(leaves - 1, 0, -1):
        for axis in range(3):
            tree[node, axis] = min(tree[2 * node, axis], tree[2 * node + 1, axis])
            tree[node, 3 + axis] = max(tree[2 * node, 3 + axis], tree[2 * node + 1, 3 + axis])
    return tree


@compiled()
def _crossings(corners, planes, faces, boxes, tree, bucket, begin, end):  # type: ignore[no-untyped-def]
    """List the pairs (N, 2) of crossing faces whose first one lies in some of the leaves."""
    leaves = len(tree) // 2
    found = np.empty((64, 2), np.int64)
    count = 0
    stack = np.empty(128, np.int64)
    near = np.empty(bucket, np.int64)
    for mine in range(begin, end):
        stack[0] = 1
        top = 1
        while top:
            top -= 1
            node = stack[top]
            if _apart(tree, node, tree, leaves + mine):
                continue
            if node < leaves:
                last = node  # the last leaf under this node
                while last < leaves:
                    last = 2 * last + 1
                if last - leaves >= mine:  # only pairs with a later face
                    stack[top] = 2 * node
                    stack[top + 1] = 2 * node + 1
                    top += 2
                continue
            theirs = node - leaves
            if theirs < mine:
                continue
            for one in range(mine * bucket, min((mine + 1) * bucket, len(corners))):
                if _apart(boxes, one, tree, node):
                    continue
                close = 0
                first = max(theirs * bucket, one + 1)
                for other in range(first, min((theirs + 1) * bucket, len(corners))):
                    near[close] = other
                    close += not _apart(boxes, one, boxes, other)
                for other in near[:close]:
                    if _shared(faces, one, other) >= 2 or not _cross(corners, planes, one, other):
                        continue
                    if count == len(found):
                        more = np.empty((2 * count, 2), np.int64)
                        more[:count] = found
                        found = more
                    found[count, 0], found[count, 1] = one, other
                    count += 1
    return found[:count]


@compiled(inline="always")
def _shared(faces, one, other):  # type: ignore[no-untyped-def]
    """Count the vertices that two faces have in common."""
    count = 0
    for i in range(3):
        for j in range(3):
            if faces[one, i] == faces[other, j]:
                count += 1
    return count


@compiled(inline="always")
def _along(at, one, k, other, planes):  # type: ignore[no-untyped-def]
    """Distance of corner k of one triangle from the plane of another, times the plane's length."""
    return (
        (at[one, k, 0] - at[other, 0, 0]) * planes[other, 0]
        + (at[one, k, 1] - at[other, 0, 1]) * planes[other, 1]
        + (at[one, k, 2] - at[other, 0, 2]) * planes[other, 2]
    )


@compiled(inline="always")
def _sides(at, one, other, planes):  # type: ignore[no-untyped-def]
    """Distance of each corner of one triangle from the plane of another, times its length."""
    return (
        _along(at, one, 0, other, planes),
        _along(at, one, 1, other, planes),
        _along(at, one, 2, other, planes),
    )


@compiled(inline="always")
def _one_sided(side, scale):  # type: ignore[no-untyped-def]
    """Whether no two of three corners lie on opposite sides of a plane."""
    return (min(side) >= -scale) | (max(side) <= scale)


@compiled()
def _cross(at, planes, one, other):  # type: ignore[no-untyped-def]
    """Whether an edge of one of two triangles of (M, 3, 3) passes through the other's inside."""
    side = _sides(at, one, other, planes)
    if _one_sided(side, planes[other, 3]):
        return False
    back = _sides(at, other, one, planes)
    if _one_sided(back, planes[one, 3]):
        return False
    return _passes(at, one, other, side, planes[other, 3]) or _passes(
        at, other, one, back, planes[one, 3]
    )


@compiled()
def _passes(at, one, other, side, scale):  # type: ignore[no-untyped-def]
    """Whether an edge of one triangle passes through the inside of another."""
    for k in range(3):
        j = (k + 1) % 3
        if not ((side[k] > scale and side[j] < -scale) or (side[k] < -scale and side[j] > scale)):
            continue
        d0, d1, d2 = (
            at[one, j, 0] - at[one, k, 0],
            at[one, j, 1] - at[one, k, 1],
            at[one, j, 2] - at[one, k, 2],
        )
        smallest, largest, size = np.inf, -np.inf, 0.0
        for m in range(3):
            n = (m + 1) % 3
            p0, p1, p2 = (
                at[other, m, 0] - at[one, k, 0],
                at[other, m, 1] - at[one, k, 1],
                at[other, m, 2] - at[one, k, 2],
            )
            q0, q1, q2 = (
                at[other, n, 0] - at[one, k, 0],
                at[other, n, 1] - at[one, k, 1],
                at[other, n, 2] - at[one, k, 2],
            )
            turn = d0 * (p1 * q2 - p2 * q1) + d1 * (p2 * q0 - p0 * q2) + d2 * (p0 * q1 - p1 * q0)
            smallest, largest, size = min(smallest, turn), max(largest, turn), max(size, abs(turn))
        if smallest > 1e-9 * size or largest < -1e-9 * size:
            return True
    return False
