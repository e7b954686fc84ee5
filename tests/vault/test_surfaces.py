from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from shells import AXES, GEOMETRY, UPRIGHT, radius, shell

from skullfix.images.volume import Volume
from skullfix.vault.directions import vault_directions
from skullfix.vault.surfaces import Pose, plausible, surfaces


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.2, -0.1, 0.3)])
def test_both_surfaces_of_a_shell_are_found_below_the_voxel(turn: tuple[float, ...]) -> None:
    pose = Pose(np.array((2.0, -3.0, 1.5)), Rotation.from_rotvec(turn).as_matrix())
    found = surfaces(shell(thickness=7.0, pose=pose), pose, vault_directions())
    outer = radius(AXES, vault_directions())
    assert np.abs(found[0] - outer).max() < 0.4
    assert np.abs(found[1] - (outer - 7)).max() < 0.4
    assert np.abs(found - np.stack([outer, outer - 7])).mean() < 0.1
    assert plausible(found).all()


def test_a_ray_without_bone_gives_nothing() -> None:
    bone = shell()
    bone.array[60:] = 0
    found = surfaces(bone, UPRIGHT, np.array([(0.0, 0, 1), (0, 1, 0)]))
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[:, 1]).all()
    assert plausible(found).tolist() == [False, True]
    empty = Volume(np.zeros_like(bone.array), GEOMETRY)
    assert np.isnan(surfaces(empty, UPRIGHT, vault_directions())).all()


def test_bone_that_fills_the_whole_grid_has_no_surface_of_a_vault() -> None:
    full = Volume(np.full_like(shell().array, 255), GEOMETRY)
    assert not plausible(surfaces(full, UPRIGHT, vault_directions())).any()


def test_a_frame_goes_there_and_back() -> None:
    pose = Pose(np.array((5.0, 6, 7)), Rotation.from_rotvec((0.3, 0.2, 0.1)).as_matrix())
    points = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(pose.own(pose.world(points)), points, atol=1e-12)
