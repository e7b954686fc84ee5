from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation
from shells import AXES, PLANE, UPRIGHT, radius, shell

from skullfix.images.volume import Volume
from skullfix.vault.directions import vault_directions
from skullfix.vault.pose import fitted_pose, rough_pose
from skullfix.vault.surfaces import Pose


def test_the_first_guess_is_in_the_mid_plane_and_upright() -> None:
    pose = rough_pose(shell(), PLANE)
    assert abs(pose.centre[0]) < 1
    np.testing.assert_allclose(pose.axes, np.eye(3), atol=1e-12)
    assert abs(pose.centre[2] - (AXES[2] - 75)) < 3


def test_bone_thinner_than_a_voxel_has_a_first_guess() -> None:
    bone = shell()
    faint = rough_pose(Volume(bone.array // 3, bone.geometry), PLANE)
    assert np.abs(faint.centre - rough_pose(bone, PLANE).centre).max() < 2


def test_a_head_that_is_turned_moved_and_larger_is_found_in_the_frame_of_the_mean() -> None:
    true = Pose(np.array((3.0, -4.0, 2.0)), Rotation.from_rotvec((0.15, 0.05, -0.1)).as_matrix())
    bone = shell((73.5, 90.3, 77.7), pose=true)  # five hundredths larger
    mean = np.where(vault_directions()[:, 2] > 0, radius(AXES, vault_directions()), np.nan)
    found = fitted_pose(bone, UPRIGHT, mean)
    assert np.abs(found.centre - true.centre).max() < 0.5
    assert Rotation.from_matrix(found.axes.T @ true.axes).magnitude() < 0.04  # x and z are alike


def test_a_head_with_a_hole_lies_as_the_whole_one() -> None:
    bone = shell()
    bone.array[70:, 60:, 40:] = 0
    mean = np.where(vault_directions()[:, 2] > 0, radius(AXES, vault_directions()), np.nan)
    found = fitted_pose(bone, UPRIGHT, mean)
    assert np.abs(found.centre).max() < 0.3
