"""One case through orders and directions of its axes gives one implant in the world."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np
import pytest

from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks import predict
from skullfix.tasks.complete import complete_bone
from skullfix.tasks.model import Model, load_model

FLIPS = list(product((1, -1), repeat=3))
ORDERS = list(permutations(range(3)))
WAYS = list(product(ORDERS, FLIPS))


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(None, "auto")


@pytest.fixture(scope="module", autouse=True)
def one_view() -> Iterator[None]:
    """One view is enough here: the others take the same way to the network's grid and back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "VIEWS", predict.VIEWS[:1])
        yield


@pytest.fixture(scope="module")
def bone() -> Volume:
    phantom = head_phantom(spacing=(1.9, 2.1, 2.6), seed=1)
    old = phantom.bone.geometry
    place = Geometry(old.size, old.spacing, (-101.3, -113.9, -88.2), old.direction)
    return Volume(phantom.bone.array & ~phantom.implant.array, place)


@pytest.fixture(scope="module")
def expected(one_view: None, bone: Volume, model: Model) -> np.ndarray:
    found = complete_bone(bone, model).mask.array
    assert found.any()
    return found


def turned(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same world through an array with its axes in another order and direction (x, y, z)."""
    old = volume.geometry
    array = volume.array.transpose([2 - axis for axis in order[::-1]])
    axes = np.reshape(old.direction, (3, 3))[:, list(order)]
    size, spacing = [old.size[a] for a in order], [old.spacing[a] for a in order]
    origin = np.array(old.origin)
    for axis, sign in enumerate(flips):
        if sign < 0:
            array = np.flip(array, 2 - axis)
            origin = origin + axes[:, axis] * spacing[axis] * (size[axis] - 1)
    axes = axes * flips
    return Volume(
        np.ascontiguousarray(array),
        Geometry(tuple(size), tuple(spacing), tuple(origin.tolist()), tuple(axes.ravel().tolist())),
    )


def back(array: np.ndarray, order: tuple[int, ...], flips: tuple[int, ...]) -> np.ndarray:
    for axis, sign in enumerate(flips):
        if sign < 0:
            array = np.flip(array, 2 - axis)
    return array.transpose(np.argsort([2 - axis for axis in order[::-1]]))


def test_the_turning_itself(bone: Volume) -> None:
    for order, flips in WAYS:
        other = turned(bone, order, flips)
        np.testing.assert_array_equal(back(other.array, order, flips), bone.array)
        row = np.argwhere(other.array)[7][::-1]
        world = other.geometry.affine() @ [*row, 1]
        index = np.linalg.inv(bone.geometry.affine()) @ world
        assert bone.array[tuple(np.rint(index[:3]).astype(int)[::-1])]


@pytest.mark.parametrize(("order", "flips"), WAYS)
def test_the_implant_stays_where_it_is_in_the_world(
    bone: Volume,
    model: Model,
    expected: np.ndarray,
    order: tuple[int, ...],
    flips: tuple[int, ...],
) -> None:
    other = turned(bone, order, flips)
    found = complete_bone(other, model).mask
    assert found.geometry == other.geometry
    same = back(found.array, order, flips)
    both = np.count_nonzero(same & expected)
    dice = 2 * both / (np.count_nonzero(same) + np.count_nonzero(expected))
    assert dice > 0.995, dice
