"""The skull seen from inside, on the phantom."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from skullfix.errors import InputError
from skullfix.images.phantom import Phantom, head_phantom
from skullfix.images.vault import look_around, middle_of_braincase
from skullfix.images.vault_check import base_direction, check_closed, check_vault
from skullfix.images.volume import Geometry, Volume

TURNS = {
    "upside down": np.diag([1, -1, -1]),
    "lying on the face": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "lying on the back": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "lying on the side": np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    "mirrored top to bottom": np.diag([1, 1, -1]),
}


@cache
def patient() -> Phantom:
    return head_phantom(spacing=(2.0, 2.0, 2.0))


def turned(mask: Volume, turn: np.ndarray) -> Volume:
    """The same array, elsewhere in the world."""
    old = mask.geometry
    direction = turn @ np.reshape(old.direction, (3, 3))
    x, y, z = (turn @ old.origin).tolist()
    new = Geometry(old.size, old.spacing, (x, y, z), tuple(direction.ravel().tolist()))
    return Volume(mask.array, new)


def tilted(degrees: float, axis: int) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(3)
    one, two = ((1, 2), (0, 2), (0, 1))[axis]
    turn[[one, one, two, two], [one, two, one, two]] = c, -s, s, c
    return turn


def without(bone: Volume, low_mm: float, *, right_only: bool = False) -> Volume:
    """The bone below a height (LPS z), or only the right half above it taken away."""
    rows = np.argwhere(bone.array)
    world = rows[:, ::-1] @ bone.geometry.affine()[:3, :3].T + bone.geometry.affine()[:3, 3]
    gone = (world[:, 2] > low_mm) & ((world[:, 0] < 0) | (not right_only))
    array = bone.array.copy()
    array[tuple(rows[gone].T)] = False
    return Volume(array, bone.geometry)


def test_an_intact_vault_is_closed_and_the_base_lies_below() -> None:
    bone = patient().bone
    centre = middle_of_braincase(bone)
    assert centre is not None
    assert np.abs(centre).max() < 20  # the phantom's origin is the middle of its braincase
    view = look_around(bone, centre)
    assert view.open_share == view.unseen_share == 0
    assert 50 < np.nanmedian(view.first[view.vault]) < 90
    x, y, z = base_direction(view)
    assert abs(x) < 0.05
    assert y < 0
    assert z < -0.1
    assert check_vault(bone) == ()


def test_the_open_share_is_the_holes() -> None:
    head = patient()
    defective = Volume(head.bone.array & ~head.implant.array, head.bone.geometry)
    centre = middle_of_braincase(defective)
    assert centre is not None
    view = look_around(defective, centre)
    assert 25 < view.area_cm2(view.open_share) < 55  # an ellipse of about 80 x 60 mm
    assert check_vault(defective) == ()
    assert check_closed(defective, head.implant) == ()


@pytest.mark.parametrize("turn", TURNS)
def test_a_head_that_lies_otherwise_is_refused(turn: str) -> None:
    with pytest.raises(InputError, match="does not lie as the header says") as caught:
        check_vault(turned(patient().bone, TURNS[turn]))
    assert "orientation" in caught.value.hint


@pytest.mark.parametrize(("degrees", "axis"), [(25, 0), (-25, 0), (25, 1), (-25, 1), (40, 2)])
def test_a_head_may_nod_lean_and_look_aside(degrees: float, axis: int) -> None:
    assert check_vault(turned(patient().bone, tilted(degrees, axis))) == ()


def test_left_and_right_may_be_exchanged() -> None:
    assert check_vault(turned(patient().bone, np.diag([-1, 1, 1]))) == ()


def test_a_scan_that_ends_below_the_vertex_is_refused() -> None:
    bone = patient().bone
    affine = bone.geometry.affine()
    for height, refused in ((30.0, True), (60.0, False)):
        stop = int((height - affine[2, 3]) / affine[2, 2])
        size = (*bone.geometry.size[:2], stop)
        cut = Volume(
            bone.array[:stop],
            Geometry(size, bone.geometry.spacing, bone.geometry.origin, bone.geometry.direction),
        )
        if refused:
            with pytest.raises(InputError, match="ends below the vertex"):
                check_vault(cut)
        else:
            assert "cuts the vault" in check_vault(cut)[0]


def test_a_hole_that_stays_open_is_refused_and_a_rest_is_told() -> None:
    head = patient()
    half = without(head.bone, -10.0, right_only=True)
    truth = head.bone.array & ~half.array
    nothing = Volume(np.zeros_like(truth), half.geometry)
    assert check_vault(half) == ()
    with pytest.raises(InputError, match="cannot be filled") as caught:
        check_closed(half, nothing)
    assert "larger" in caught.value.hint
    assert check_closed(half, Volume(truth, half.geometry)) == ()
    most = truth & (np.arange(truth.shape[1])[None, :, None] > 0.38 * truth.shape[1])
    assert "were not filled" in check_closed(half, Volume(most, half.geometry))[0]


def test_no_room_no_verdict() -> None:
    block = Volume(np.zeros((20, 20, 20), bool), Geometry((20,) * 3, (2.0,) * 3, (0.0,) * 3,
                   (1, 0, 0, 0, 1, 0, 0, 0, 1)))  # fmt: skip
    assert middle_of_braincase(block) is None
    block.array[5:15, 5:15, 5:15] = True
    assert check_vault(block) == check_closed(block, block) == ()
