from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skullfix.errors import InputError
from skullfix.evaluation.evaluate import evaluate_masks
from skullfix.images.read import read_scan
from skullfix.images.volume import Geometry, Volume

GRID = Geometry((20, 21, 22), (0.5, 0.5, 1.0), (1.0, 2.0, 3.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def masks() -> tuple[Volume, Volume, Volume]:
    truth, prediction, skull = (np.zeros(GRID.shape, bool) for _ in range(3))
    truth[5:15, 5:15, 5:15] = True
    prediction[5:15, 5:15, 6:16] = True
    skull[:, :, :5] = True
    return Volume(prediction, GRID), Volume(truth, GRID), Volume(skull, GRID)


def test_figures() -> None:
    prediction, truth, skull = masks()
    found = evaluate_masks(prediction, truth, skull)
    assert found.dice == 0.9
    assert found.boundary_dice == 0.9  # all of it lies within 10 mm
    assert found.hausdorff95_mm == 0.5  # one voxel along x, whose spacing comes first
    assert found.truth_ml == pytest.approx(0.25)
    assert found.reconstruction_error_percent == pytest.approx(100 * 200 / (20 * 21 * 22))
    assert found.copied_input_dice == 0.0


def test_without_a_defective_skull() -> None:
    prediction, truth, _ = masks()
    found = evaluate_masks(prediction, truth)
    assert found.boundary_dice is None
    assert found.copied_input_dice is None
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_what_is_not_finite_becomes_null() -> None:
    prediction, truth, _ = masks()
    found = evaluate_masks(replace(prediction, array=np.zeros_like(truth.array)), truth)
    assert found.hausdorff95_mm == float("inf")
    assert found.to_dict()["hausdorff95_mm"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"origin": (1.0, 2.0, 3.5)},
        {"spacing": (0.5, 0.51, 1.0)},
        {"direction": (-1, 0, 0, 0, -1, 0, 0, 0, 1)},
    ],
)
def test_other_grids_are_refused(change: dict[str, tuple[float, ...]]) -> None:
    prediction, truth, _ = masks()
    moved = Volume(prediction.array, replace(GRID, **change))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lie apart") as caught:
        evaluate_masks(moved, truth)
    assert caught.value.hint
    with pytest.raises(InputError, match="defective skull"):
        evaluate_masks(prediction, truth, moved)


def test_other_sizes_are_refused_and_rounding_is_not() -> None:
    prediction, truth, _ = masks()
    small = Volume(np.zeros((2, 2, 2), bool), replace(GRID, size=(2, 2, 2)))
    with pytest.raises(InputError, match="2 x 2 x 2"):
        evaluate_masks(small, truth)
    rounded = replace(GRID, spacing=(0.5 + 1e-7, 0.5, 1.0))
    assert evaluate_masks(Volume(prediction.array, rounded), truth).dice == 0.9


@pytest.mark.real
def test_a_copied_input_hides_the_implant(real_data: Path) -> None:
    folder = real_data / "autoimplant"
    skull = read_scan(folder / "complete_skull" / "000.nrrd").volume
    implant = read_scan(folder / "implant" / "000.nrrd").volume
    defective = replace(skull, array=(skull.array > 0) & (implant.array == 0))
    found = evaluate_masks(implant, implant, defective)
    assert (found.dice, found.boundary_dice, found.hausdorff95_mm) == (1.0, 1.0, 0.0)
    copied = evaluate_masks(defective, skull, defective)
    assert 0.94 < copied.dice < 0.98
    assert copied.dice == copied.copied_input_dice
