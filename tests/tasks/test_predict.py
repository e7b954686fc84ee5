"""From the network's grid back to the scan's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from skullfix.images.box import bounding_box, crop
from skullfix.images.phantom import head_phantom
from skullfix.images.resample import block_average, sample_onto, world_bounds, world_grid
from skullfix.images.volume import Geometry, Volume
from skullfix.sparse.backend import get_backend
from skullfix.tasks import predict
from skullfix.tasks.candidate import Completion, candidate_on
from skullfix.tasks.model import load_model
from skullfix.tasks.predict import complete_coarse
from skullfix.tasks.views import Shown, View

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


def test_a_second_pass_fills_what_the_first_one_left(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = head_phantom(spacing=(1.8, 1.8, 1.8))
    bone = Volume(patient.bone.array & ~patient.implant.array, patient.bone.geometry)
    whole = block_average(Volume(patient.bone.array | patient.implant.array, bone.geometry))
    box = bounding_box(bone.array)
    assert box is not None
    grid = world_grid(*world_bounds(block_average(crop(bone, *box)).geometry), 1.8)
    full = torch.from_numpy(sample_onto(whole, grid).array) / 255
    skulls = []

    def fill_half(skull: Shown, *_: object, mirrored: bool) -> tuple[Tensor, Tensor]:
        """Answer with the right half of what is missing, or all once there is a half."""
        skulls.append(float(skull.fraction.sum()))
        missing = full.clone()
        missing[tuple(skull.rows.unbind(1))] -= skull.fraction
        rows = (missing > 0.1).nonzero()
        if len(skulls) == 1:
            rows = rows[rows[:, 2] < rows[:, 2].float().mean()]
        return rows, missing[tuple(rows.unbind(1))]

    monkeypatch.setattr(predict, "answer_to", fill_half)
    monkeypatch.setattr(predict, "VIEWS", (View(0, 0, mirrored=False),))
    model = load_model(None, "reference")
    answer = complete_coarse(
        bone, model.network, get_backend("reference"), spacing=1.8, thresholds=(0.0,) * 6
    )
    assert answer is not None
    assert len(skulls) == predict.PASSES == 2
    assert skulls[0] < skulls[1] < float(full.sum())
    missing = float(full.sum()) - skulls[0]
    assert float(answer.implant.array.sum()) == pytest.approx(missing, rel=0.05)


def test_views_are_averaged_in_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = head_phantom(spacing=(1.8, 1.8, 1.8))
    bone = Volume(patient.bone.array & ~patient.implant.array, patient.bone.geometry)
    grids = []

    def on_grid(coarse: Volume, grid: Geometry) -> Volume:
        grids.append(grid)
        return sample_onto(coarse, grid)

    def fill(skull: Shown, *_: object, mirrored: bool) -> tuple[Tensor, Tensor]:
        """Answer with the missing piece, or with nothing to a mirrored view."""
        piece = sample_onto(Volume(patient.implant.array, bone.geometry), grids[-1]).array
        rows = torch.from_numpy(np.argwhere(piece > 0.1 if not mirrored else piece > 2))
        return rows, torch.from_numpy(piece)[tuple(rows.unbind(1))]

    monkeypatch.setattr(predict, "sample_onto", on_grid)
    monkeypatch.setattr(predict, "answer_to", fill)
    model = load_model(None, "reference")
    answer = complete_coarse(
        bone, model.network, get_backend("reference"), spacing=1.8, thresholds=(0.0,) * 6
    )
    assert answer is not None
    assert answer.implant.geometry.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert len({grid.direction for grid in grids}) == len(predict.VIEWS) + 1
    asked = sum(not view.mirrored for view in predict.VIEWS) / len(predict.VIEWS)
    piece = sample_onto(Volume(patient.implant.array, bone.geometry), answer.implant.geometry).array
    found = answer.implant.array
    assert float(found.sum()) == pytest.approx(asked * float(piece.sum()), rel=0.1)
    assert float(np.abs(found - asked * piece)[piece > 0.99].mean()) < 0.05
