from __future__ import annotations

import numpy as np
import pytest
from shells import GEOMETRY, PLANE, UPRIGHT, hole, population, radius, shell

from skullfix.evaluation.metrics import dice
from skullfix.images.volume import Volume
from skullfix.vault.bulge import bulged
from skullfix.vault.directions import vault_directions
from skullfix.vault.surfaces import surfaces

HEAD = (72.0, 84.0, 76.0)


def _masks(flatter_by: float) -> tuple[Volume, Volume, np.ndarray]:
    """A head with a hole, an implant that lies further in, in the middle, and the true one."""
    true = shell(HEAD).array > 127
    points = np.argwhere(np.ones(true.shape, bool))[:, ::-1] * 2.0 - 99.0
    outward = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    middle = np.array((0.1, 0.6, 0.8)) / np.linalg.norm((0.1, 0.6, 0.8))
    off = np.arccos(np.clip(outward @ middle, -1, 1))
    within = (off < 0.5).reshape(true.shape)
    dent = flatter_by * np.clip(1 - (off / 0.5) ** 2, 0, 1)
    far = np.linalg.norm(points, axis=1) + dent
    outer = radius(HEAD, outward)
    dented = ((far < outer) & (far > outer - 6)).reshape(true.shape)
    bone, truth = true & ~within, true & within
    return Volume(bone, GEOMETRY), Volume(dented & within & ~bone, GEOMETRY), truth


def _field(implant: Volume, bone: Volume) -> Volume:
    """The surfaces of both together."""
    return Volume((implant.array | bone.array).astype(np.float32) - np.float32(0.5), GEOMETRY)


@pytest.mark.parametrize("flatter_by", [2.5, -2.5])
def test_an_implant_that_is_too_flat_or_too_round_comes_nearer(flatter_by: float) -> None:
    bone, implant, truth = _masks(flatter_by)
    found = bulged(implant, bone, _field(implant, bone), PLANE, population())
    assert found.geometry == bone.geometry
    assert found.array.dtype == bool
    assert not (found.array & bone.array).any()
    before, after = dice(implant.array, truth), dice(found.array, truth)
    assert after > before + 0.2 * (1 - before)


def test_a_good_implant_stays_as_it_is() -> None:
    bone, implant, truth = _masks(0.0)
    found = bulged(implant, bone, _field(implant, bone), PLANE, population())
    assert dice(found.array, implant.array) > 0.97
    assert dice(implant.array, truth) > 0.99
    outside = ~hole(0.6)
    before, after = (
        surfaces(
            Volume(np.where(bone.array | m.array, 255, 0).astype(np.uint8), GEOMETRY),
            UPRIGHT,
            vault_directions()[outside],
        )
        for m in (implant, found)
    )
    np.testing.assert_array_equal(before, after)


def test_nothing_is_bent_where_the_head_is_none_of_the_population() -> None:
    bone, implant, _ = _masks(2.5)
    z, y, x = np.indices(bone.array.shape)
    rough = Volume(bone.array & ((z // 4 + y // 4 + x // 4) % 3 > 0), GEOMETRY)
    implant = Volume(implant.array & ~rough.array, GEOMETRY)
    found = bulged(implant, rough, _field(implant, rough), PLANE, population())
    np.testing.assert_array_equal(found.array, implant.array)


def test_little_of_the_vault_says_nothing() -> None:
    bone, implant, _ = _masks(2.5)
    cap = bone.array.copy()
    cap[:, :60] = False
    found = bulged(implant, Volume(cap, GEOMETRY), _field(implant, bone), PLANE, population())
    np.testing.assert_array_equal(found.array, implant.array)


def test_a_hole_below_the_vault_is_left_alone() -> None:
    whole = shell(HEAD).array > 127
    implant = np.zeros_like(whole)
    implant[5:35, 40:60, 40:60] = whole[5:35, 40:60, 40:60]
    bone, missing = Volume(whole & ~implant, GEOMETRY), Volume(implant, GEOMETRY)
    found = bulged(missing, bone, _field(missing, bone), PLANE, population())
    np.testing.assert_array_equal(found.array, implant)


def test_empty_masks_stay_empty() -> None:
    nothing = Volume(np.zeros_like(shell().array, bool), GEOMETRY)
    assert not bulged(nothing, nothing, _field(nothing, nothing), PLANE, population()).array.any()
