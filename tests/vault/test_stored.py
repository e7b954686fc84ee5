from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from shells import population

from skullfix.errors import WeightsError
from skullfix.networks.checkpoint import load_network, save_checkpoint
from skullfix.networks.config import CONFIGS
from skullfix.networks.unet import SparseUNet
from skullfix.vault.population import Vaults
from skullfix.vault.stored import NAME, load_vaults, save_with_vaults


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return save_checkpoint(SparseUNet(CONFIGS["implant-s"]), {}, tmp_path / "net.safetensors")


def test_there_and_back_beside_the_same_network(plain: Path, tmp_path: Path) -> None:
    radii = population().radii.copy()
    radii[0, :, 3] = np.nan
    path = tmp_path / "with.safetensors"
    save_with_vaults(plain, Vaults(radii), path)
    card = {**CONFIGS["implant-s"].to_dict(), "vaults": len(radii)}
    found = load_vaults(path, card)
    assert found is not None
    np.testing.assert_allclose(found.radii, radii, atol=0.04)  # stored as float16
    before, after = (load_network(file, card).state_dict() for file in (plain, path))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    once = path.read_bytes()
    save_with_vaults(path, Vaults(radii), path)  # in place of those that it had
    assert path.read_bytes() == once


def test_a_card_without_vaults_has_none(plain: Path) -> None:
    assert load_vaults(plain, {}) is None


@pytest.mark.parametrize("fault", ["missing", "count", "shape", "kind", "cut"])
def test_what_is_not_what_the_card_says_is_refused(plain: Path, tmp_path: Path, fault: str) -> None:
    path, vaults, count = tmp_path / "with.safetensors", population(), 12
    save_with_vaults(plain, vaults, path)
    tensors = load_file(path)
    if fault == "missing":
        path = plain
    elif fault == "count":
        count = 13
    elif fault == "shape":
        save_file(tensors | {NAME: tensors[NAME][..., :-1].contiguous()}, path)
    elif fault == "kind":
        save_file(tensors | {NAME: tensors[NAME].int()}, path)
    else:
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="does not hold the vaults of its card"):
        load_vaults(path, {"vaults": count})
