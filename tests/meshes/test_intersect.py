from __future__ import annotations

import numpy as np
import trimesh

from skullfix.meshes.intersect import self_intersections
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.specks import join_meshes


def _ball(centre: tuple[float, float, float], subdivisions: int = 3) -> Mesh:
    ball = trimesh.creation.icosphere(subdivisions, 10.0)
    return Mesh(np.array(ball.vertices) + centre, np.array(ball.faces, np.int32))


def _by_brute_force(mesh: Mesh) -> set[tuple[int, int]]:
    """All pairs, each edge against each face, in plain loops; slow and obviously right."""
    corners = mesh.triangles()
    found = set()

    def volume(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> float:
        return float(np.linalg.det(np.stack([b - a, c - a, d - a])))

    for i in range(len(corners)):
        for j in range(len(corners)):
            a, b, c = corners[j]
            for k in range(3):
                p, q = corners[i][k], corners[i][(k + 1) % 3]
                if volume(a, b, c, p) * volume(a, b, c, q) >= -1e-12:
                    continue
                turns = [volume(p, q, a, b), volume(p, q, b, c), volume(p, q, c, a)]
                if min(turns) > 1e-9 or max(turns) < -1e-9:
                    found.add((min(i, j), max(i, j)))
    return found


def test_a_simple_solid_has_none() -> None:
    assert len(self_intersections(_ball((0.0, 0.0, 0.0)))) == 0


def test_overlapping_balls_cross_as_brute_force_says() -> None:
    mesh = join_meshes([_ball((0.0, 0.0, 0.0), 1), _ball((7.3, 3.1, -2.2), 1)])
    pairs = {(int(min(p)), int(max(p))) for p in self_intersections(mesh)}
    assert pairs
    assert pairs == _by_brute_force(mesh)


def test_balls_apart_do_not_cross() -> None:
    mesh = join_meshes([_ball((0.0, 0.0, 0.0)), _ball((20.5, 0.0, 0.0))])
    assert len(self_intersections(mesh)) == 0


def test_a_vertex_pushed_through_the_other_side_is_found() -> None:
    ball = _ball((0.0, 0.0, 0.0))
    vertices = ball.vertices.copy()
    vertices[0] *= -1.2
    assert len(self_intersections(Mesh(vertices, ball.faces))) > 0
