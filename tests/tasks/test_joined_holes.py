"""Two holes side by side, whose pieces one stage joins and the next parts, are both filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, label

from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.tasks import complete
from skullfix.tasks.model import load_model


def test_no_piece_is_lost_when_pieces_are_joined_and_parted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient = head_phantom(spacing=(2.0, 2.0, 2.0), seed=2)
    hole = patient.implant.array
    z, y, x = np.argwhere(hole).mean(0).round().astype(int)
    bridge = np.zeros_like(hole)
    along = np.argwhere(hole)
    axis = int(np.ptp(along, 0)[1] < np.ptp(along, 0)[2]) + 1
    at = [slice(None)] * 3
    at[axis] = slice((z, y, x)[axis] - 2, (z, y, x)[axis] + 3)
    bridge[tuple(at)] = hole[tuple(at)]
    missing = hole & ~bridge
    assert label(missing)[1] == 2
    bone = Volume(patient.bone.array & ~missing, patient.bone.geometry)

    def joining(implant: Volume, *_: Any) -> Volume:
        return Volume(implant.array | binary_dilation(bridge, iterations=2), implant.geometry)

    def parting(implant: Volume, solid: Volume) -> Volume:
        return Volume(implant.array & missing & ~solid.array, implant.geometry)

    monkeypatch.setattr(complete, "bulged", joining)
    monkeypatch.setattr(complete, "levelled", parting)
    found = complete.complete_bone(bone, load_model(None, "auto"))
    assert len(found.pieces_ml) == 2
    assert found.pieces_ml[1] > 1
    assert label(found.mask.array, np.ones((3, 3, 3)))[1] == 2
