"""What is free, and what is refused because of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from image_helpers import make_geometry

from skullfix.errors import MemoryLimitError, UsageError
from skullfix.images.read import read_scan
from skullfix.images.room import LIMIT_VARIABLE, free_bytes, require_bytes
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume


def test_no_more_is_free_than_the_system_has() -> None:
    assert 0 < free_bytes() <= psutil.virtual_memory().total


def test_a_limit_of_the_address_space_counts() -> None:
    program = (
        "import resource, psutil; from skullfix.images.room import free_bytes\n"
        "free_bytes()  # gives back what the heap keeps\n"
        "held = psutil.Process().memory_info().vms\n"
        "resource.setrlimit(resource.RLIMIT_AS, (held + 10**8, held + 10**8))\n"
        "print(free_bytes())"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 <= int(found.stdout) <= 10**8


def test_a_limit_of_the_users_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    held = psutil.Process().memory_info().rss
    monkeypatch.setenv(LIMIT_VARIABLE, str((held + 2e8) / 1e9))
    assert 1e8 < free_bytes() < 3e8
    with pytest.raises(
        MemoryLimitError, match=r"needs about 0\.50 GB of memory; 0\.[12]"
    ) as caught:
        require_bytes(500_000_000, "The work")
    assert caught.value.exit_code == 5
    assert caught.value.hint
    monkeypatch.setenv(LIMIT_VARIABLE, "0.000001")
    assert free_bytes() == 0


@pytest.mark.parametrize("value", ["much", "-1", "0", "nan", "inf"])
def test_a_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, value)
    with pytest.raises(UsageError, match=LIMIT_VARIABLE):
        free_bytes()


@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".mha"])
def test_a_file_that_does_not_fit_is_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"large{suffix}"
    array = np.zeros((40, 50, 60), np.int16)
    write_volume(Volume(array, make_geometry((60, 50, 40))), path)
    monkeypatch.setenv(LIMIT_VARIABLE, "0.001")
    with pytest.raises(
        MemoryLimitError, match=f"large{suffix}.* MB of memory; 0 MB are free"
    ) as caught:
        read_scan(path)
    assert f"Raise {LIMIT_VARIABLE} (it is 0.001)" in caught.value.hint
