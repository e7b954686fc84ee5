"""The stage that bends an implant towards what other heads' vaults let expect."""

from __future__ import annotations

import pytest

from skullfix.evaluation.metrics import dice
from skullfix.images.midplane import Plane
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.tasks import complete
from skullfix.tasks.document import Stopwatch
from skullfix.tasks.model import load_model
from skullfix.vault.bulge import bulged
from skullfix.vault.population import Vaults


def test_the_implant_of_a_wide_hole_comes_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = head_phantom(spacing=(1.5, 1.5, 1.5), seed=2)
    truth = patient.implant.array
    bone = Volume(patient.bone.array & ~truth, patient.bone.geometry)
    plain: list[Volume] = []

    def recorded(
        implant: Volume, bone: Volume, field: Volume, plane: Plane, vaults: Vaults
    ) -> Volume:
        plain.append(implant)
        return bulged(implant, bone, field, plane, vaults)

    monkeypatch.setattr(complete, "bulged", recorded)
    watch = Stopwatch(None)
    found = complete.complete_bone(bone, load_model(None, "auto"), watch)
    assert "shape" in watch.seconds
    assert not (found.mask.array & bone.array).any()
    assert len(found.pieces_ml) == 1
    volume = found.mask.geometry.filled_ml(found.mask.array)
    assert sum(found.pieces_ml) == pytest.approx(volume)
    assert dice(found.mask.array, truth) > dice(plain[0].array, truth) + 0.005
