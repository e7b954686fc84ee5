"""An input that is not there is refused, before anything slow is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skullfix.errors import InputError
from skullfix.files.opening import must_exist, opening

MISSING = """
import sys
from skullfix.cli.main import main
try:
    main()
finally:
    assert "torch" not in sys.modules and "numba" not in sys.modules
"""


def test_what_is_there_passes(tmp_path: Path) -> None:
    must_exist(tmp_path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scan\.nrrd does not exist"):
        must_exist(tmp_path / "scan.nrrd")


def test_a_name_that_the_system_refuses_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"too long|does not exist"):
        must_exist(tmp_path / ("x" * 300))


def test_a_file_that_may_not_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened") as caught, opening(tmp_path / "a"):
        (tmp_path / "a").read_bytes()
    assert "permission" in caught.value.hint


@pytest.mark.parametrize(
    "words",
    [
        ["complete"],
        ["upscale"],
        ["refine", "--organ", "aorta"],
        ["mesh"],
        ["batch", "complete", "-o", "out"],
    ],
    ids=lambda words: words[0],
)
def test_commands_say_so_at_once(tmp_path: Path, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MISSING, *words, "nothing.nrrd"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert "nothing.nrrd does not exist" in done.stderr
    assert "AssertionError" not in done.stderr
    assert list(tmp_path.iterdir()) == []
