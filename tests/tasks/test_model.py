"""What a card says of a network's use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.candidate import Completion, candidate_on
from skullfix.tasks.model import Model, load_model

LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
GRID = Geometry((8, 8, 8), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), LPS)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("implant-s-128@0.4.0", "auto")


def with_cut(model: Model, cut: float) -> Model:
    card = {**model.checkpoint.card, "cut": cut}
    return replace(model, checkpoint=replace(model.checkpoint, card=card))


def test_a_card_names_its_cut_or_gets_the_usual_one(model: Model) -> None:
    assert model.cut(0.45) == 0.45
    assert with_cut(model, 0.5).cut(0.45) == 0.5


def test_a_higher_cut_leaves_less() -> None:
    implant = np.zeros((8, 8, 8), np.float32)
    implant[2:6, 2:6, 2:6] = np.linspace(0.3, 0.7, 4, dtype=np.float32)
    answer = Completion(Volume(implant, GRID), Volume(np.zeros_like(implant), GRID))
    bone = Volume(np.zeros((8, 8, 8), bool), GRID)
    sizes = [candidate_on(bone, answer, cut).array.sum() for cut in (0.2, 0.4, 0.5, 0.6)]
    assert sizes == [64, 48, 32, 16]
