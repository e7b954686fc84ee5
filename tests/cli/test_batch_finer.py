"""``skullfix batch upscale`` and ``refine``, with an untrained network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from skullfix.cli.main import run
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.networks.checkpoint import save_checkpoint
from skullfix.networks.config import CONFIGS
from skullfix.networks.unet import SparseUNet

AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
CARD = {
    "name": "untrained",
    "version": "1",
    "spacing_mm": 2.0,
    "training_data": "none",
    "licence": "Apache-2.0",
    "metrics": {},
    "created_with": ["tests"],
    "thresholds": None,
    "notes": "",
    "factors": [2],
}


def ball(radius: float) -> Volume:
    z, y, x = np.indices((20, 20, 20)) - 9.5
    mask = (z**2 + y**2 + x**2 < radius**2).astype(np.uint8)
    return Volume(mask, Geometry((20, 20, 20), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), AXES))


@pytest.mark.parametrize(("task", "words"), [("upscale", []), ("refine", ["--organ", "heart"])])
def test_finer_masks(
    task: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    network = tmp_path / "untrained.safetensors"
    save_checkpoint(SparseUNet(CONFIGS["fine-s"]), {**CARD, "task": task}, network)
    for radius, name in ((5, "a.nrrd"), (7, "sub/b.nii.gz")):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True, parents=True)
        write_volume(ball(radius), tmp_path / "in" / name)
    words += ["--model", str(network), "--no-report", "--quiet", "--json"]
    out, alone = tmp_path / "out", tmp_path / "alone"
    assert run(["batch", task, str(tmp_path / "in"), "-o", str(out), *words]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["totals"]["statuses"] == {"success": 2}
    volumes = [row["measures"]["volume_before_ml"] for row in document["cases"]]
    assert 0 < volumes[0] < volumes[1]
    assert run([task, str(tmp_path / "in" / "a.nrrd"), "-o", str(alone), *words]) == 0
    single = json.loads(capsys.readouterr().out)
    for path in map(Path, single["outputs"].values()):
        if not path.name.endswith("_result.json"):
            assert (out / path.name).read_bytes() == path.read_bytes()
    write_volume(ball(6), tmp_path / "like.nrrd")
    like = ["batch", task, str(tmp_path / "in"), "-o", str(out), "--like"]
    for radius, earlier in ((6, 0), (6, 2)):  # an image that an option names counts by its bytes
        write_volume(ball(radius), tmp_path / "like.nrrd")
        assert run([*like, str(tmp_path / "like.nrrd"), *words]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["earlier"] == earlier
    write_volume(ball(3), tmp_path / "like.nrrd")
    assert run([*like, str(tmp_path / "like.nrrd"), *words]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["earlier"] == 0
