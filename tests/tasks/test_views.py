"""Ways to show a skull."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from skullfix.images.volume import Geometry
from skullfix.tasks.views import VIEWS, View, joined

AXES = (0.36, 0.48, -0.8, -0.8, 0.6, 0.0, 0.48, 0.64, 0.6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_view_turns_as_the_right_hand_does(axis: int) -> None:
    expected = Rotation.from_euler("xyz"[axis], 6, degrees=True).as_matrix()
    np.testing.assert_allclose(View(axis, 6, mirrored=False).rotation(), expected, atol=1e-12)


@given(
    view=st.sampled_from(VIEWS),
    size=st.tuples(*[st.integers(1, 200)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    spacing=st.floats(0.5, 4),
)
def test_the_turned_grid_holds_the_other_one(
    view: View,
    size: tuple[int, int, int],
    origin: tuple[float, float, float],
    spacing: float,
) -> None:
    bone = Geometry(size, (0.9, 1.1, 0.7), origin, AXES)
    grid = view.grid(bone, spacing)
    np.testing.assert_allclose(np.reshape(grid.direction, (3, 3)), view.rotation(), atol=1e-12)
    assert grid.spacing == (spacing,) * 3
    ends = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    corners = np.c_[ends * (np.array(size) - 1), np.ones(8)] @ bone.affine().T
    index = (corners @ np.linalg.inv(grid.affine()).T)[:, :3]
    assert index.min() > -1e-6
    assert (index < np.array(grid.size) - 1 + 1e-6).all()
    assert (index.min(0) < 1 + 1e-6).all()


def test_every_turn_has_its_opposite_in_the_other_hand() -> None:
    ways = {(view.axis, view.degrees, view.mirrored) for view in VIEWS}
    assert ways == {(axis, -turn, not hand) for axis, turn, hand in ways}


def test_joined_adds_what_lies_at_one_place() -> None:
    rows, total = joined(
        (torch.tensor([[1, -2, 3], [0, 0, 0]]), torch.tensor([[1, -2, 3]])),
        (torch.tensor([1.0, 2.0]), torch.tensor([0.5])),
    )
    assert rows.tolist() == [[0, 0, 0], [1, -2, 3]]
    assert total.tolist() == [2.0, 1.5]
