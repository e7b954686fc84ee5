"""From the network's grid back to the scan's."""

from __future__ import annotations

import numpy as np
import pytest

from skullfix.images.phantom import head_phantom
from skullfix.images.resample import block_average, sample_onto, world_bounds, world_grid
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.predict import Completion, candidate_on

OBLIQUE = (0.9998477, -0.0174524, 0.0, 0.0174524, 0.9998477, 0.0, 0.0, 0.0, 1.0)


def perfect_answer(bone: Volume, implant: Volume, spacing: float) -> Completion:
    """What a network without error would say at a spacing."""
    whole = Volume(bone.array | implant.array, bone.geometry)
    grid = world_grid(*world_bounds(block_average(whole).geometry), spacing)
    parts = [sample_onto(block_average(m), grid).array / 255 for m in (implant, bone)]
    return Completion(Volume(parts[0], grid), Volume(parts[1], grid))


@pytest.mark.parametrize("flip", [False, True])
def test_a_perfect_coarse_answer_comes_back_sharper_than_its_grid(flip: bool) -> None:
    patient = head_phantom(spacing=(0.9, 0.9, 1.0))
    bone, implant = patient.bone.array & ~patient.implant.array, patient.implant.array
    geometry = patient.bone.geometry
    if flip:  # the same world through another array
        bone, implant = bone[::-1, :, ::-1].copy(), implant[::-1, :, ::-1].copy()
        far = geometry.affine() @ np.array([geometry.size[0] - 1, 0, geometry.size[2] - 1, 1])
        direction = tuple(np.diag([-1.0, 1.0, -1.0]).ravel().tolist())
        geometry = Geometry(geometry.size, geometry.spacing, tuple(far[:3].tolist()), direction)
    skull = Volume(bone, geometry)
    answer = perfect_answer(skull, Volume(implant, geometry), 1.8)
    found = candidate_on(skull, answer)
    assert found.geometry == geometry
    assert not (found.array & bone).any()
    both = np.count_nonzero(found.array & implant)
    dice = 2 * both / (np.count_nonzero(found.array) + np.count_nonzero(implant))
    assert dice > 0.95


def test_an_answer_outside_the_scan_is_cut_off() -> None:
    patient = head_phantom(spacing=(2.0, 2.0, 2.0))
    bone = Volume(patient.bone.array & ~patient.implant.array, patient.bone.geometry)
    answer = perfect_answer(bone, patient.implant, 1.8)
    x, y, z = answer.implant.geometry.origin
    away = Geometry(
        answer.implant.geometry.size,
        answer.implant.geometry.spacing,
        (x + 5000, y, z),
        answer.implant.geometry.direction,
    )
    moved = Completion(Volume(answer.implant.array, away), Volume(answer.bone.array, away))
    assert not candidate_on(bone, moved).array.any()
