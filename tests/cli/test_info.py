from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skullfix import __version__
from skullfix.cli.first_run import announce_first_run, kernel_cache
from skullfix.cli.main import run
from skullfix.cli.progress import Reporter
from skullfix.weights.library import released_folder


def test_info_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "success"
    assert document["skullfix"] == __version__
    assert "cpu" in document["devices"]
    assert document["threads"]["usable"] >= 1
    assert document["memory"]["free_bytes"] > 0
    assert document["kernels"]["folder"]
    assert set(document["checks"].values()) == {"fine"}
    assert document["weights"]["checkpoints"].keys() <= document["checks"].keys()


def test_info_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info"]) == 0
    shown = capsys.readouterr().out
    assert __version__ in shown
    assert "GiB" in shown


def test_info_finds_damaged_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = tmp_path / "shelf"
    shutil.copytree(released_folder(), shelf)
    checkpoint = next(shelf.glob("*.safetensors"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1] + b"?")
    monkeypatch.setenv("SKULLFIX_WEIGHTS_FOLDER", str(shelf))
    assert run(["info", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "error"
    assert sum("damaged" in found for found in document["checks"].values()) == 1


def test_info_finds_a_limit_of_memory_that_is_no_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKULLFIX_MEMORY", "abc")
    assert run(["info", "--json"]) == 1
    assert "'abc'" in json.loads(capsys.readouterr().out)["checks"]["memory"]


def test_a_first_run_says_so_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    announce_first_run("reference", 2, Reporter())
    cache = kernel_cache()
    assert cache is not None
    if cache.compiled:
        announce_first_run("cpu", 2, Reporter())
    assert capsys.readouterr().err == ""
    program = (
        "from skullfix.cli.first_run import announce_first_run as say\n"
        "from skullfix.cli.progress import Reporter\n"
        "say('cpu', 2, Reporter())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.startswith("first run: cpu, 2 threads; kernels are compiled once")
