from __future__ import annotations

import numpy as np
import pytest
import trimesh

from skullfix.errors import InputError
from skullfix.meshes.measure import measure_mesh
from skullfix.meshes.mesh import Mesh


def _mesh(solid: trimesh.Trimesh) -> Mesh:
    return Mesh(np.array(solid.vertices, np.float64), np.array(solid.faces, np.int32))


def test_a_box_is_measured_exactly() -> None:
    box = trimesh.creation.box((10.0, 20.0, 30.0))
    box.apply_translation([300.0, -200.0, 1000.0])
    measures = measure_mesh(_mesh(box))
    assert measures.volume_ml == pytest.approx(6.0)
    assert measures.area_mm2 == pytest.approx(2200.0)
    assert measures.bounding_box_mm == pytest.approx((10.0, 20.0, 30.0))
    assert measures.triangles == 12
    assert measures.watertight
    assert measures.components == 1


def test_pieces_and_holes_are_noticed() -> None:
    ball = trimesh.creation.icosphere(2, 5.0)
    other = ball.copy()
    other.apply_translation([20.0, 0.0, 0.0])
    two = _mesh(trimesh.util.concatenate([ball, other]))
    assert measure_mesh(two).components == 2
    assert measure_mesh(two).watertight
    torn = Mesh(two.vertices, two.faces[1:])
    assert not measure_mesh(torn).watertight


def test_inconsistent_faces_are_not_watertight() -> None:
    ball = _mesh(trimesh.creation.icosphere(1, 5.0))
    faces = ball.faces.copy()
    faces[3] = faces[3, ::-1]
    assert not measure_mesh(Mesh(ball.vertices, faces)).watertight


def test_inside_out_has_a_negative_volume() -> None:
    ball = _mesh(trimesh.creation.icosphere(1, 5.0))
    assert measure_mesh(Mesh(ball.vertices, ball.faces[:, ::-1])).volume_ml < 0


def test_a_mesh_without_faces_is_refused() -> None:
    with pytest.raises(InputError):
        measure_mesh(Mesh(np.empty((0, 3)), np.empty((0, 3), np.int32)))
