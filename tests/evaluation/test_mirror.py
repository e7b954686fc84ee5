"""The mirror baseline on symmetric heads at known oblique planes."""

from __future__ import annotations

import numpy as np
import pytest

from skullfix.evaluation.mirror import mirror_implant
from skullfix.images.midplane import skull_plane
from skullfix.images.resample import sample_onto
from skullfix.images.volume import Geometry, Volume

LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
SIDE, STEP = 64, 3.0
GRID = Geometry((SIDE,) * 3, (STEP,) * 3, (-90.0, -100.0, 20.0), LPS)
MIDDLE = np.array([4.0, -5.5, 115.0])


def turned(yaw: float, roll: float) -> np.ndarray:
    """(3, 3) rows are the head's own axes: left, back, up."""
    a, b = np.radians((yaw, roll))
    left = np.array([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)])
    back = np.cross([0.0, 0.0, 1.0], left)
    back /= np.linalg.norm(back)
    return np.stack([left, back, np.cross(left, back)])


def head(
    yaw: float, roll: float, *, hole: str = "side", grid: Geometry = GRID
) -> tuple[Volume, Volume]:
    """A symmetric head, narrow in front, with cheeks; its defective bone and its true implant."""
    rows = np.argwhere(np.ones(grid.shape, bool))
    world = rows[:, ::-1] @ grid.affine()[:3, :3].T + grid.affine()[:3, 3] - MIDDLE
    x, y, z = turned(yaw, roll) @ world.T
    radius = np.sqrt((x / (62 + 0.1 * y)) ** 2 + (y / 82) ** 2 + (z / 70) ** 2)
    bone = (np.abs(radius - 1) < 0.065) & (z > -45)
    for side in (-1, 1):
        bone |= np.linalg.norm([x - side * 30, y + 60, z + 40], axis=0) < 14
    out = {
        "side": (x > 30) & (np.hypot(y - 10, z - 25) < 28),
        "none": np.zeros(len(x), bool),
        "middle": (z > 30) & (np.hypot(x, y) < 30),
    }[hole]
    masks = []
    for mask in (bone & ~out, bone & out):
        array = np.zeros(grid.shape, bool)
        array[tuple(rows[mask].T)] = True
        masks.append(Volume(array, grid))
    return masks[0], masks[1]


def answer(bone: Volume) -> np.ndarray:
    return (sample_onto(mirror_implant(bone).implant, bone.geometry).array > 0.5) & ~bone.array


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize(("yaw", "roll"), [(0, 0), (11, -7), (-17, 13)])
def test_the_plane_of_a_symmetric_head_is_found(yaw: float, roll: float) -> None:
    bone, _ = head(yaw, roll)
    plane = skull_plane(bone)
    normal = turned(yaw, roll)[0]
    angle = np.degrees(np.arccos(min(1.0, float(np.dot(plane.normal, normal)))))
    assert angle < 1.0
    assert abs((np.array(plane.point) - MIDDLE) @ normal) < 0.8


@pytest.mark.parametrize(("yaw", "roll"), [(0, 0), (-17, 13)])
def test_a_hole_on_one_side_is_filled_by_the_other(yaw: float, roll: float) -> None:
    bone, implant = head(yaw, roll)
    found = answer(bone)
    assert dice(found, implant.array) > 0.85
    assert not (found & bone.array).any()


def test_the_grids_axes_do_not_matter() -> None:
    lying = Geometry(
        (SIDE,) * 3,
        (STEP,) * 3,
        (99.0, 89.0, 20.0),
        (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0),
    )
    same, one = head(11, -7), head(11, -7, grid=lying)
    np.testing.assert_array_equal(same[0].array, one[0].array[:, ::-1, ::-1])
    np.testing.assert_allclose(skull_plane(same[0]).normal, skull_plane(one[0]).normal, atol=0.01)


def test_a_whole_skull_and_a_hole_in_the_middle_get_next_to_nothing() -> None:
    assert np.count_nonzero(answer(head(0, 0, hole="none")[0])) == 0
    bone, implant = head(0, 0, hole="middle")
    assert dice(answer(bone), implant.array) < 0.05
