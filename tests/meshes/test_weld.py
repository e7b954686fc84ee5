"""What readers of files make of a surface with vertices that lie all but on each other."""

from __future__ import annotations

import io

import numpy as np
import pytest
import trimesh

from skullfix.meshes.check import check_solid
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.topology import is_closed
from skullfix.meshes.weld import weld


def _split(mesh: Mesh, edge_of: int, apart: float) -> Mesh:
    """Split an edge twice, its two new vertices `apart` mm from each other."""
    a, b, _ = mesh.faces[edge_of]
    middle = mesh.vertices[[a, b]].mean(axis=0)
    along = mesh.vertices[b] - mesh.vertices[a]
    along /= np.linalg.norm(along)
    new = len(mesh.vertices)
    vertices = np.concatenate([mesh.vertices, [middle, middle + apart * along]])
    faces = []
    for face in mesh.faces:
        for turn in range(3):
            p, q, r = np.roll(face, -turn)
            if {p, q} == {a, b}:
                first, second = (new, new + 1) if p == a else (new + 1, new)
                faces += [(p, first, r), (first, second, r), (second, q, r)]
                break
        else:
            faces.append(tuple(face))
    return Mesh(vertices, np.array(faces, np.int32))


def _ball(centre: float = 95.0) -> Mesh:
    ball = trimesh.creation.icosphere(2, 20.0)
    return Mesh(np.asarray(ball.vertices) + centre, np.asarray(ball.faces, np.int32))


def _read_back(mesh: Mesh) -> trimesh.Trimesh:
    """Go through the float32 of an STL file."""
    written = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    back = trimesh.load(io.BytesIO(written.export(file_type="stl")), file_type="stl")
    back.merge_vertices()
    return back


def test_vertices_that_float32_cannot_tell_apart_are_joined() -> None:
    ball = _ball()
    torn = _split(ball, 7, 1e-9)
    assert is_closed(torn.faces)
    assert not _read_back(torn).is_watertight
    whole = weld(torn)
    assert _read_back(whole).is_watertight
    assert len(whole.vertices) == len(ball.vertices) + 1
    assert check_solid(whole, pieces=1).volume_ml == pytest.approx(ball.volume_ml())


def test_a_mesh_with_nothing_to_join_is_left_alone() -> None:
    ball = _ball()
    assert weld(ball) is ball


def test_all_other_vertices_stay_where_they_were() -> None:
    torn = _split(_ball(), 7, 1e-9)
    whole = weld(torn)
    np.testing.assert_array_equal(whole.vertices, torn.vertices[:-1])


def test_far_from_the_origin_more_is_one() -> None:
    ball = _ball(30_000.0)  # there float32 knows steps of 2 micrometres
    whole = weld(_split(ball, 7, 1e-4))
    assert len(whole.vertices) == len(ball.vertices) + 1
    assert is_closed(whole.faces)


def test_faces_back_to_back_go() -> None:
    ball = _ball()
    leaf = 50 + np.array([[0.0, 0, 0], [5, 0, 0], [0, 5, 0], [1e-7, 1e-7, 1e-7]])
    flat = np.array([[0, 1, 2], [3, 2, 1], [0, 2, 3], [1, 0, 3]], np.int32)
    both = Mesh(
        np.concatenate([ball.vertices, leaf]),
        np.concatenate([ball.faces, flat + len(ball.vertices)]).astype(np.int32),
    )
    rest = weld(both)
    np.testing.assert_array_equal(rest.faces, ball.faces)
