"""A few steps of training fall the same way in every engine; the long run is done by hand."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from training_steps import apart, train, voxels_of

OTHERS = ["reference", *(["minkowski"] if find_spec("MinkowskiEngine") else [])]


@pytest.mark.parametrize("engine", OTHERS)
def test_losses_fall_the_same_way(engine: str) -> None:
    target = voxels_of(None, 64)
    assert len(target) > 5000
    losses = train("cpu", target, 5)
    assert losses[-1] < losses[0]
    assert apart(losses, train(engine, target, 5)) < 1e-3
