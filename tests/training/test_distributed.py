"""Two processes that share a step compute what one computes with twice the batch."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skulls import GEOMETRY, hollow_ball
from torch.distributed.run import parse_args

from skullfix.images.volume import Volume
from skullfix.images.write import write_volume
from skullfix.training.distributed import share_out

STEPS = 6
LAUNCH = """
import skullfix.training.loop as loop
loop.LOG_EVERY, loop.VALIDATE_EVERY = 1, 3
from skullfix.cli.main import main
main()
"""


def train(folder: Path, processes: int, batch: int, name: str) -> list[dict[str, str]]:
    script = folder / "launch.py"
    script.write_text(LAUNCH)
    words = ["train", "complete", folder / "data", "-o", folder / name, "--seed", 5]
    words += ["--architecture", "table1-ch1", "--spacing", 6, "--steps", STEPS]
    words += ["--batch", batch, "--threads", 1, "--backend", "reference"]
    many = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes]
    started = [sys.executable, *(many if processes > 1 else []), script, *words, "--quiet"]
    done = subprocess.run(
        [str(word) for word in started],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    with (folder / name / "log.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.skipif(sys.platform != "linux", reason="gloo over loopback is tested on Linux")
def test_the_loss_curve_is_the_same(tmp_path: Path) -> None:
    for room in ("complete_skull", "implant"):
        (tmp_path / "data" / room).mkdir(parents=True)
    for number, radius in enumerate((37, 39, 41, 43)):
        skull, implant = hollow_ball(radius)
        for room, mask in (("complete_skull", skull), ("implant", implant)):
            path = tmp_path / "data" / room / f"{number}.nrrd"
            write_volume(Volume(mask.astype(np.uint8), GEOMETRY), path)
    split = "0 train\n1 train\n2 train\n3 validation\n"
    (tmp_path / "data" / "split.txt").write_text(split)
    two = train(tmp_path, processes=2, batch=2, name="two")
    one = train(tmp_path, processes=1, batch=4, name="one")
    assert len(one) == len(two) == STEPS
    losses = [[float(row["loss"]) for row in rows] for rows in (one, two)]
    np.testing.assert_allclose(losses[1], losses[0], atol=1e-4, rtol=1e-4)
    scored = [[row["step"] for row in rows if row["scores"]] for rows in (one, two)]
    assert scored == [["3", "6"], ["3", "6"]]
    for name in ("one", "two"):
        assert (tmp_path / name / "curves.png").stat().st_size > 1000
        assert (tmp_path / name / "network.safetensors").exists()
    card = json.loads((tmp_path / "two" / "network.json").read_text())
    check_recipe(card["created_with"][0])


def test_alone_a_process_begins_at_the_beginning() -> None:
    told: list[float] = []
    begun: list[int] = []

    def make(number: int) -> str:
        begun.append(number)
        return f"head {number}"

    assert share_out(3, make, told.append) == ["head 0", "head 1", "head 2"]
    assert begun == [0, 1, 2]
    np.testing.assert_allclose(told, [0, 1 / 3, 2 / 3, 1])
    assert share_out(0, make, told.append) == []


def check_recipe(line: str) -> None:
    """Let torchrun itself read the command in a card, with every option it may hold."""
    program, *words = shlex.split(f"{line} --start NAME@1.0.0 --backend cpu")
    assert program == "torchrun"
    read = parse_args(words)
    assert read.nproc_per_node == "2"
    assert read.module
    assert read.training_script == "skullfix"
    assert read.training_script_args[:2] == ["train", "complete"]
    assert read.training_script_args[-4:] == ["--start", "NAME@1.0.0", "--backend", "cpu"]
