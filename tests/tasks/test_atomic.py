"""Killed at any moment, a run leaves whole files or none under their names."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from skullfix.images.phantom import head_phantom
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume

WHEN = (0.5, 0.9, 0.97, 0.99)  # of the time that a whole run takes; the files come at its end


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    phantom = head_phantom(spacing=(1.6, 1.6, 2.0))
    part = phantom.bone.array & ~phantom.implant.array
    path = tmp_path_factory.mktemp("scan") / "head.nrrd"
    write_volume(Volume(part.astype(np.uint8), phantom.bone.geometry), path)
    return path


def run(scan: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "skullfix", "complete", str(scan), "-o", str(folder), "-q"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_a_killed_run_leaves_whole_files_or_none(scan: Path, tmp_path: Path) -> None:
    start = time.perf_counter()
    whole = tmp_path / "whole"
    assert run(scan, whole).wait(300) == 0
    seconds = time.perf_counter() - start
    expected = {path.name: path for path in whole.iterdir()}
    assert "head_result.json" in expected
    for number, share in enumerate(WHEN):
        folder = tmp_path / str(number)
        process = run(scan, folder)
        try:
            process.wait(share * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)
        found = list(folder.glob("head_*")) if folder.exists() else []
        for path in found:
            if path.suffix == ".json":
                assert json.loads(path.read_text())["status"] == "success"
            elif path.suffix == ".nrrd":
                first, second = read_scan(path).volume, read_scan(expected[path.name]).volume
                np.testing.assert_array_equal(first.array, second.array)
            else:
                assert path.stat().st_size > 0.9 * expected[path.name].stat().st_size
