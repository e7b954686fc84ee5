"""``weights vaults``: a checkpoint of its own, the vaults of two skulls in it, and used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from skullfix.cli.main import run
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume
from skullfix.networks.checkpoint import load_network, save_checkpoint
from skullfix.networks.config import CONFIGS
from skullfix.networks.unet import SparseUNet
from skullfix.tasks.model import load_model
from skullfix.vault.directions import vault_directions
from skullfix.vault.stored import load_vaults


@pytest.fixture(scope="module")
def skulls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skulls")
    (folder / "complete_skull").mkdir()
    for seed in (0, 1):
        bone = head_phantom(spacing=(2.0, 2.0, 2.0), seed=seed, defect=False).bone
        whole = Volume(bone.array.astype(np.uint8), bone.geometry)
        write_volume(whole, folder / "complete_skull" / f"{seed:03}.nrrd")
    (folder / "split.txt").write_text("000 train\n001 train\n")
    return folder


@pytest.fixture
def network(tmp_path: Path) -> Path:
    card = {"name": "own", "version": "1", "task": "complete", "spacing_mm": 1.8}
    card |= {"architecture": "implant-s", "licence": "CC0", "training_data": "none"}
    card |= {"created_with": ["skullfix train complete skulls -o RUN"], "notes": "", "metrics": {}}
    return save_checkpoint(
        SparseUNet(CONFIGS["implant-s"]), card | {"thresholds": None}, tmp_path / "own.safetensors"
    )


def test_a_checkpoint_is_given_the_vaults_of_a_folder(
    skulls: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.safetensors"
    words = ["weights", "vaults", str(skulls), "--model", str(network), "-o", str(new), "--json"]
    assert run(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["vaults"] == 2
    card = json.loads(new.with_suffix(".json").read_text())
    assert card["vaults"] == 2
    assert "sha256" not in card
    assert card["created_with"][0] == "skullfix train complete skulls -o RUN"
    assert card["created_with"][1].endswith("--model own.safetensors -o FILE")
    vaults = load_vaults(new, card)
    assert vaults is not None
    assert vaults.radii.shape == (2, 2, len(vault_directions()))
    upper = vaults.radii[..., vault_directions()[:, 2] > 0.3]
    assert 2 < float(np.nanmean(upper[:, 0] - upper[:, 1])) < 10
    assert np.nanmin(upper) > 40
    assert np.nanmax(upper) < 110
    names = load_network(network, json.loads(network.with_suffix(".json").read_text()))
    assert names.state_dict().keys() == load_network(new, card).state_dict().keys()
    model = load_model(str(new), "auto")
    assert model.vaults is not None
    assert load_model(str(network), "auto").vaults is None
    assert run(words) == 6
    assert json.loads(capsys.readouterr().out)["error"]["hint"] == "choose another -o"


def test_a_folder_without_a_training_case_is_refused(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "none"
    (folder / "complete_skull").mkdir(parents=True)
    (folder / "split.txt").write_text("000 validation\n")
    new = tmp_path / "new.safetensors"
    code = run(["weights", "vaults", str(folder), "--model", str(network), "-o", str(new)])
    assert code == 3
    assert "train" in capsys.readouterr().err
    assert not new.exists()
