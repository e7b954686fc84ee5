"""Of several pieces only those stay that every look misses while all the others are filled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.cases.simulate import simulate_defect
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.implants.clean import CleanImplant
from skullfix.tasks import confirm
from skullfix.tasks.candidate import Completion
from skullfix.tasks.complete import complete, complete_bone
from skullfix.tasks.complete_options import CompleteOptions
from skullfix.tasks.confirm import confirm_pieces
from skullfix.tasks.model import Model, load_model
from skullfix.tasks.predict import CoarseSkull
from skullfix.tasks.views import View

GRID = Geometry((30, 20, 24), (1.0, 1.0, 2.0), (5.0, -3.0, 7.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
HOLES = {"large": (4, 4, 4, 8), "small": (15, 5, 5, 4), "false": (8, 12, 20, 5)}
"""First voxel (z, y, x) and side of cubes."""


def cube(name: str) -> NDArray[np.bool_]:
    z, y, x, side = HOLES[name]
    mask = np.zeros(GRID.shape, bool)
    mask[z : z + side, y : y + side, x : x + side] = True
    return mask


def of(names: Sequence[str]) -> NDArray[np.bool_]:
    return np.any([np.zeros(GRID.shape, bool), *(cube(name) for name in names)], axis=0)


def found(names: Sequence[str]) -> CleanImplant:
    sizes = sorted((cube(name).sum() * GRID.voxel_volume_ml for name in names), reverse=True)
    return CleanImplant(Volume(of(names), GRID), tuple(sizes))


def answer(names: Sequence[str], occupancy: float = 0.8) -> Completion:
    implant = (of(names) * occupancy).astype(np.float32)
    return Completion(Volume(implant, GRID), Volume(np.zeros_like(implant), GRID))


def two_holes(spacing: float) -> tuple[Volume, Volume]:
    """A synthetic skull with two holes cut into it, and what was cut out."""
    patient = head_phantom(spacing=(spacing, spacing, spacing))
    whole = Volume(patient.bone.array | patient.implant.array, patient.bone.geometry)
    case = simulate_defect(whole, 3, family="two-holes", volume_range_ml=(15.0, 120.0))
    return Volume(whole.array & ~case.implant.array, whole.geometry), case.implant


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(None, "auto")


@pytest.fixture
def as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand the mask itself to the fake networks below."""
    monkeypatch.setattr(confirm, "coarse_skull", lambda bone, *_: CoarseSkull(bone, None))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, as_it_is: None) -> list[set[str]]:
    """Answer with every open hole, and with the false one where one is open; note what is open."""
    seen: list[set[str]] = []

    def see(skull: CoarseSkull, *_: object, **__: object) -> Volume | None:
        bone = skull.occupancy.array
        truly = [name for name in ("large", "small") if not bone[cube(name)].all()]
        still = [*truly, "false"] if truly and not bone[cube("false")].all() else truly
        seen.append(set(still))
        return answer(still, 0.75).implant if still else None

    monkeypatch.setattr(confirm, "answer_in_view", see)
    return seen


def test_a_piece_that_only_another_hole_called_for_is_left_out(
    model: Model, asked: list[set[str]]
) -> None:
    names = ("large", "small", "false")
    bone = Volume(~of(names), GRID)
    kept = confirm_pieces(found(names), bone, answer(names), model)
    assert np.array_equal(kept.mask.array, of(("large", "small")))
    assert kept.pieces_ml == pytest.approx(found(("large", "small")).pieces_ml)
    assert len(asked) == 5  # two looks at each true piece, one at the false one
    assert asked[:2] == [{"small"}] * 2  # the smallest piece first
    (left,) = kept.left_out
    assert left.volume_ml == pytest.approx(cube("false").sum() * GRID.voxel_volume_ml)
    assert left.centre_mm == pytest.approx((5 + 22, -3 + 14, 7 + 2 * 10))
    assert bone.array[cube("large")].sum() == 0  # nothing was filled in the bone itself


@pytest.mark.usefixtures("as_it_is")
@pytest.mark.parametrize(
    ("again", "stays"),
    [
        ((0.58, 0.58), True),
        ((0.54, 0.8), False),
        ((0.8, 0.54), False),
        ((0.8, None), False),
        ((None, 0.8), False),
    ],
)
def test_a_piece_that_one_look_misses_is_left_out(
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
    again: tuple[float | None, float | None],
    stays: bool,
) -> None:
    def see(skull: CoarseSkull, view: View, *_: object, **__: object) -> Volume | None:
        if skull.occupancy.array[cube("small")].all():
            return answer(("large",)).implant
        occupancy = again[confirm.LOOKS.index(view)]
        return None if occupancy is None else answer(("small",), occupancy).implant

    monkeypatch.setattr(confirm, "answer_in_view", see)
    names = ("large", "small")
    kept = confirm_pieces(found(names), Volume(~of(names), GRID), answer(names), model)
    assert np.array_equal(kept.mask.array, of(names if stays else ("large",)))
    assert len(kept.left_out) == (not stays)


def test_a_single_piece_is_not_asked_for_again(model: Model, asked: list[set[str]]) -> None:
    one = found(("large",))
    assert confirm_pieces(one, Volume(~of(("large",)), GRID), answer(("large",)), model) is one
    assert not asked


def test_the_last_piece_left_is_not_asked_for_again(model: Model, asked: list[set[str]]) -> None:
    names = ("large", "false")
    kept = confirm_pieces(found(names), Volume(~of(names), GRID), answer(names), model)
    assert np.array_equal(kept.mask.array, of(("large",)))
    assert len(kept.left_out) == len(asked) == 1


def test_true_holes_all_stay(model: Model, asked: list[set[str]]) -> None:
    names = ("large", "small")
    kept = confirm_pieces(found(names), Volume(~of(names), GRID), answer(names), model)
    assert np.array_equal(kept.mask.array, of(names))
    assert kept.left_out == ()
    assert asked == [{"small"}] * 2 + [{"large"}] * 2


def test_the_network_confirms_both_holes_of_a_phantom(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    bone, implant = two_holes(1.8)
    looks: list[View] = []
    real = confirm.answer_in_view

    def looked(skull: CoarseSkull, view: View, *args: Any, **options: Any) -> Volume | None:
        looks.append(view)
        return real(skull, view, *args, **options)

    monkeypatch.setattr(confirm, "answer_in_view", looked)
    result = complete_bone(bone, model)
    holes, count = ndimage.label(implant.array)
    assert count == len(result.pieces_ml) == 2
    for hole in (holes == 1, holes == 2):
        assert np.count_nonzero(result.mask.array & hole) > 0.8 * np.count_nonzero(hole)
    assert [looks.count(view) for view in confirm.LOOKS] == [2 + len(result.left_out), 2]


def test_a_piece_that_is_left_out_is_told(
    model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bone, _ = two_holes(2.4)
    write_volume(Volume(bone.array.astype(np.uint8), bone.geometry), tmp_path / "two.nrrd")
    refused: list[Volume] = []

    def refuse_one(piece: Volume, *_: object) -> bool:
        refused.append(piece)
        return len(refused) > 1

    monkeypatch.setattr(confirm, "_seen_again", refuse_one)
    result = complete(tmp_path / "two.nrrd", options=CompleteOptions(report=False), model=model)
    assert len(result.document["implant"]["pieces_ml"]) == len(refused) - 1
    (told,) = (text for text in result.document["warnings"] if "left out" in text)
    ml = refused[0].geometry.filled_ml(refused[0].array)
    assert f"A piece of {ml:.1f} ml around" in told
    assert "does not replace it" in told
