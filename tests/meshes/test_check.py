from __future__ import annotations

import numpy as np
import pytest
import trimesh

from skullfix.errors import InputError, OutputError, UsageError
from skullfix.meshes.check import check_solid
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.solid import decimate_mesh, from_manifold, to_manifold
from skullfix.meshes.specks import join_meshes, without_specks


def _ball(shift: float = 0.0, radius: float = 10.0) -> Mesh:
    ball = trimesh.creation.icosphere(4, radius)
    return Mesh(
        ball.vertices + np.array([shift, 0.07 * shift, 0.03 * shift]),
        np.array(ball.faces, np.int32),
    )


def test_a_good_solid_passes_with_its_measures() -> None:
    measures = check_solid(_ball(), volume_ml=4.18, pieces=1)
    assert measures.watertight
    assert measures.volume_ml == pytest.approx(4.18, rel=0.01)


def test_each_fault_is_named() -> None:
    ball = _ball()
    with pytest.raises(OutputError, match="not watertight"):
        check_solid(Mesh(ball.vertices, ball.faces[1:]))
    with pytest.raises(OutputError, match="inwards"):
        check_solid(Mesh(ball.vertices, ball.faces[:, ::-1]))
    with pytest.raises(OutputError, match="volume is"):
        check_solid(ball, volume_ml=4.4)
    with pytest.raises(OutputError, match="2 pieces, not 1"):
        check_solid(join_meshes([ball, _ball(50.0)]), pieces=1)
    with pytest.raises(OutputError, match="pass through each other"):
        check_solid(join_meshes([ball, _ball(5.0)]), pieces=2)
    with pytest.raises(OutputError, match="larger than a head"):
        check_solid(Mesh(ball.vertices * 100, ball.faces))
    with pytest.raises(OutputError, match="not finite"):
        check_solid(Mesh(np.full_like(ball.vertices, np.nan), ball.faces))


def test_specks_and_voids_go() -> None:
    ball = _ball()
    void = _ball(0.0, 2.0)
    inner = Mesh(void.vertices, np.ascontiguousarray(void.faces[:, ::-1]))
    rest = without_specks(join_meshes([_ball(50.0, 1.0), ball, inner]), 0.05)
    assert check_solid(rest, pieces=1).volume_ml == pytest.approx(ball.volume_ml())
    assert len(rest.vertices) == len(ball.vertices)
    assert without_specks(ball, 100.0) is ball


def test_decimation_keeps_the_solid() -> None:
    ball = _ball(200.0)
    fewer = decimate_mesh(ball, 0.05)
    assert len(fewer.faces) < 0.7 * len(ball.faces)
    check_solid(fewer, volume_ml=ball.volume_ml(), pieces=1)
    assert decimate_mesh(ball, 0.0) is ball
    with pytest.raises(UsageError):
        decimate_mesh(ball, -1.0)


def test_manifold_round_trip_and_refusal() -> None:
    ball = _ball()
    shift = np.array([1.0, 2.0, 3.0])
    back = from_manifold(to_manifold(ball, shift), shift)
    assert back.volume_ml() == pytest.approx(ball.volume_ml())
    with pytest.raises(InputError, match="not a manifold"):
        to_manifold(Mesh(ball.vertices, ball.faces[1:]), shift)
