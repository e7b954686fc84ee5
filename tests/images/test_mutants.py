from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COUNTS = {
    ".nrrd": 2000,
    ".nhdr": 300,
    ".mha": 2000,
    ".mhd": 300,
    ".nii": 1000,
    ".nii.gz": 1000,
    ".dcm": 400,
    ".jpeg": 300,
    ".zip": 400,
}


@pytest.mark.parametrize("suffix", COUNTS)
def test_mutants_are_refused_or_read(suffix: str) -> None:
    """In a process of its own, so that a crash of the interpreter is a failure and no more."""
    program = Path(__file__).with_name("mutants.py")
    command = [sys.executable, str(program), suffix, str(COUNTS[suffix]), "7"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = found.stdout.splitlines()
    assert found.returncode == 0, found.stderr[-2000:]
    assert len(lines) == 2, "\n".join(lines[:20])
    assert lines[1].startswith(f"done {COUNTS[suffix]}, of which ")
    # ITK's JPEG library says this by itself where a stream ends early but every line could be made.
    said = [line for line in found.stderr.splitlines() if not line.startswith("Corrupt JPEG data")]
    assert not said
