"""``skullfix train complete``: a killed run ends with the bytes of an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from skullfix.cli.main import run
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume

SIDE = 88
AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
GEOMETRY = Geometry((SIDE,) * 3, (2.0,) * 3, (-88.0, -90.0, 10.0), AXES)
STEPS = 9
OPTIONS = ["--architecture", "table1-ch1", "--spacing", "6", "--batch", "2", "--seed", "3"]
OPTIONS += ["--threads", "1", "--steps", str(STEPS), "--morph", "0.5", "--near-from", "0.6"]
OPTIONS += ["--prune-below", "-0.01"]
# The command line itself, but with a state on disk every third step instead of every 250th.
LAUNCH = (
    "import skullfix.training.loop as loop; loop.SAVE_EVERY = loop.LOG_EVERY = 3;"
    "from skullfix.cli.main import main; main()"
)


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hollow balls with their implants, in AutoImplant's layout."""
    folder = tmp_path_factory.mktemp("population")
    z, y, x = np.indices((SIDE,) * 3) - (SIDE - 1) / 2
    distance = np.sqrt(z**2 + (0.9 * y) ** 2 + x**2)
    for room in ("complete_skull", "implant"):
        (folder / room).mkdir()
    for number, radius in enumerate((38, 40, 42)):
        skull = (distance < radius) & (distance > radius - 4)
        implant = skull & (z > 0) & (y > 0.6 * radius)
        for room, mask in (("complete_skull", skull), ("implant", implant)):
            path = folder / room / f"{number:03}.nrrd"
            write_volume(Volume(mask.astype(np.uint8), GEOMETRY), path)
    (folder / "split.txt").write_text("000 train\n001 train\n\n002 validation\n")
    return folder


def start(population: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    words = ["train", "complete", str(population), "-o", str(folder), *OPTIONS, "--json", *more]
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )


def finish(process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)  # type: ignore[no-any-return]


def test_a_killed_run_ends_with_the_same_bytes(
    population: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    document = finish(start(population, whole))
    assert document["status"] == "success"
    assert Path(str(document["checkpoint"])) == whole / "network.safetensors"

    process = start(population, broken)
    deadline = time.monotonic() + 200
    while not (broken / "state.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (broken / "network.safetensors").exists()
    with safe_open(broken / "state.safetensors", framework="np") as stored:
        assert 0 < int(stored.metadata()["step"]) < STEPS

    finish(start(population, broken, "--resume"))
    for name in ("network.safetensors", "network.json", "log.csv"):
        assert (whole / name).read_bytes() == (broken / name).read_bytes(), name
    card = json.loads((whole / "network.json").read_text())
    assert card["architecture"] == "table1-ch1"
    assert card["settings"]["seed"] == 3
    assert card["thresholds"] == [-0.01] * 6
    assert (
        "--rate 0.002 --freeze-from 0.75 --seed 3 --morph 0.5 --near-from 0.6 --prune-below -0.01"
        in card["created_with"][0]
    )

    trained = whole / "network.safetensors"
    on = ["--start", str(trained), "--blend", "1", "--steps", "2"]
    finish(start(population, tmp_path / "on", *on))  # nothing of what it learnt is released
    released = load_file(tmp_path / "on" / "network.safetensors")
    for name, value in load_file(trained).items():
        assert name.endswith("num_batches_tracked") or np.array_equal(value, released[name]), name
    card = json.loads((tmp_path / "on" / "network.json").read_text())
    assert card["created_with"][0].endswith("--blend 1.0 --start network.safetensors")

    again = ["train", "complete", str(population), "-o", str(whole), *OPTIONS]
    assert run(again) == 6  # the run is there: refused, and left as it is
    assert "--resume" in capsys.readouterr().err
    other = start(population, whole, "--resume", "--rate", "0.5")
    out, _ = other.communicate(timeout=100)
    assert other.returncode == 3
    assert "rate" in json.loads(out)["error"]["message"]


def remove_split(folder: Path) -> None:
    (folder / "split.txt").unlink()


def bad_line(folder: Path) -> None:
    (folder / "split.txt").write_text("000 train\n001 test\n")


def binary_split(folder: Path) -> None:
    (folder / "split.txt").write_bytes(b"\xff\xfe\x00")


def no_validation(folder: Path) -> None:
    (folder / "split.txt").write_text("000 train\n")


def no_implant(folder: Path) -> None:
    (folder / "implant" / "000.nrrd").unlink()


def other_grid(folder: Path) -> None:
    mask = np.ones((4, 4, 5), np.uint8)
    mask[:, :, 0] = 0
    geometry = Geometry((5, 4, 4), (2.0,) * 3, (0.0,) * 3, AXES)
    write_volume(Volume(mask, geometry), folder / "implant" / "000.nrrd")


def truncated(folder: Path) -> None:
    path = folder / "complete_skull" / "000.nrrd"
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (remove_split, "split.txt"),
        (bad_line, "line 2"),
        (binary_split, "split.txt"),
        (no_validation, "validation"),
        (no_implant, "000"),
        (other_grid, "different grids"),
        (truncated, "000.nrrd"),
    ],
)
def test_bad_folders(
    damage: Callable[[Path], None],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / "data"
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[1:3, 1:3, 1:3] = 1
    for room in ("complete_skull", "implant"):
        (data / room).mkdir(parents=True)
        volume = Volume(mask, Geometry((4, 4, 4), (2.0,) * 3, (0.0,) * 3, AXES))
        write_volume(volume, data / room / "000.nrrd")
    (data / "split.txt").write_text("000 train\n000 validation\n")
    damage(data)
    words = ["train", "complete", str(data), "-o", str(tmp_path / "run"), "--threads", "1"]
    assert run([*words, "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert told in error["message"]
    assert error["hint"]
    assert not (tmp_path / "run" / "state.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["fly", "DATA"], 2),
        (["complete", "DATA", "--architecture", "huge"], 2),
        (["complete", "DATA", "--steps", "0"], 2),
        (["complete", "DATA", "--spacing", "nan"], 2),
        (["complete", "DATA", "--freeze-from", "1.5"], 2),
        (["complete", "DATA", "--morph", "1.5"], 2),
        (["complete", "DATA", "--near-from", "-0.1"], 2),
        (["complete", "DATA", "--prune-below", "1"], 2),
        (["complete", "DATA", "--blend", "0.5"], 2),
        (["upscale", "DATA", "--architecture", "fine-s", "--factor", "2", "--morph", "0.5"], 2),
        (["upscale", "DATA", "--architecture", "fine-s", "--factor", "2", "--near-from", "0"], 2),
        (["complete", "DATA", "--architecture", "fine-l"], 2),
        (["complete", "DATA", "--backend", "gpu"], 2),
        (["complete", "DATA", "--device", "tpu"], 2),
        (["complete", "DATA", "--workers", "-1"], 2),
        (["complete", "NOWHERE"], 3),
    ],
)
def test_options_that_cannot_be_obeyed(
    words: list[str], code: int, population: Path, tmp_path: Path
) -> None:
    places = {"DATA": str(population), "NOWHERE": str(tmp_path / "nowhere")}
    line = [places.get(word, word) for word in words]
    assert run(["train", *line, "-o", str(tmp_path / "run"), "--threads", "1"]) == code


def test_an_output_that_is_a_file(population: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    assert run(["train", "complete", str(population), "-o", str(tmp_path / "run")]) == 6
    assert (tmp_path / "run").read_text() == "mine"
