"""Triangles of a mesh that pass through each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skullfix.meshes.mesh import Mesh

_CHUNK = 200_000


def self_intersections(mesh: Mesh) -> NDArray[np.int64]:
    """Find pairs of faces that cross.

    Boxes around ever fewer faces, in the order of a space-filling curve, narrow the pairs down;
    the rest are tested by signed volumes: an edge of one face passes through the inside of the
    other. Faces that only touch, or that lie in one plane, do not count.

    Args:
        mesh: Vertices in mm.

    Returns:
        (N, 2) int64, the two faces of each crossing.
    """
    pairs = _overlapping_boxes(mesh)
    corners = mesh.triangles() - mesh.vertices.mean(axis=0)
    first, second = mesh.faces[pairs[:, 0]], mesh.faces[pairs[:, 1]]
    shared = (first[:, :, None] == second[:, None, :]).any(axis=2).sum(axis=1)
    pairs = pairs[shared < 2]
    found = []
    for at in range(0, len(pairs), _CHUNK):
        part = pairs[at : at + _CHUNK]
        one, other = corners[part[:, 0]], corners[part[:, 1]]
        crossing = _edges_pass(one, other) | _edges_pass(other, one)
        found.append(part[crossing])
    return np.concatenate(found) if found else np.empty((0, 2), np.int64)


def _overlapping_boxes(mesh: Mesh) -> NDArray[np.int64]:
    """Pairs (N, 2) of different faces whose bounding boxes overlap."""
    corners = mesh.triangles()
    order = np.argsort(_curve(corners.mean(axis=1)), kind="stable")
    depth = max(1, int(np.ceil(np.log2(max(len(order), 2)))))
    low = np.full((2**depth, 3), np.inf)
    high = np.full((2**depth, 3), -np.inf)
    low[: len(order)] = corners[order].min(axis=1)
    high[: len(order)] = corners[order].max(axis=1)
    levels = [(low, high)]
    for _ in range(depth):
        low = np.minimum(low[0::2], low[1::2])
        high = np.maximum(high[0::2], high[1::2])
        levels.append((low, high))
    pairs = np.zeros((1, 2), np.int64)
    for low, high in levels[-2::-1]:
        a, b = 2 * pairs[:, 0], 2 * pairs[:, 1]
        same = a == b
        pairs = np.concatenate(
            [
                np.stack([a, b], axis=1),
                np.stack([a + 1, b + 1], axis=1),
                np.stack([a, b + 1], axis=1),
                np.stack([a + 1, b], axis=1)[~same],
            ]
        )
        i, j = pairs[:, 0], pairs[:, 1]
        meets = np.ones(len(pairs), bool)
        for axis in range(3):
            meets &= (low[i, axis] <= high[j, axis]) & (low[j, axis] <= high[i, axis])
        pairs = pairs[meets]
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return np.asarray(order[pairs], np.int64)


def _curve(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of points (N, 3) on a Morton curve of ten bits an axis."""
    extent = max(float(np.ptp(points, axis=0).max()), 1e-9)
    cells = ((points - points.min(axis=0)) / extent * 1023).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code


def _edges_pass(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether an edge of the first triangle passes through the second; (N, 3, 3) corners each."""
    a, b, c = other[:, 0], other[:, 1], other[:, 2]
    normal = np.cross(b - a, c - a)
    side = np.einsum("nkj,nj->nk", one - a[:, None], normal)  # (N, 3) distance times area
    scale = np.linalg.norm(normal, axis=1, keepdims=True) * 1e-7
    result = np.zeros(len(one), bool)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        opposite = (side[:, [i]] > scale) & (side[:, [j]] < -scale)
        opposite |= (side[:, [i]] < -scale) & (side[:, [j]] > scale)
        at = np.flatnonzero(opposite[:, 0])
        if not len(at):
            continue
        start, along = one[at, i], one[at, j] - one[at, i]
        turns = []
        for p, q in ((a, b), (b, c), (c, a)):
            cross = np.cross(p[at] - start, q[at] - start)
            turns.append(np.einsum("nj,nj->n", along, cross))
        stacked = np.stack(turns)
        small = 1e-9 * np.abs(stacked).max(axis=0)
        result[at] |= (stacked > small).all(axis=0) | (stacked < -small).all(axis=0)
    return result
