from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import skullfix
from skullfix.cli.main import COMMANDS
from skullfix.cli.manual import VARIABLES, manual_page, roff

PACKAGE = Path(skullfix.__file__).parent


@pytest.fixture(scope="module")
def page() -> str:
    return manual_page()


def test_every_command_has_its_part(page: str) -> None:
    for entry in COMMANDS:
        assert f".SS skullfix {roff(entry.name)}" in page
    assert ".SS skullfix weights pull" in page


def test_options_examples_and_codes_come_from_the_source(page: str) -> None:
    assert "\\fB\\-\\-clearance\\fR \\fIMM\\fR\nGap to the bone. [default: 0.5]" in page
    assert "skullfix complete scan.nrrd" in page
    assert ".B 7\nA batch in which at least one case failed" in page


def test_every_variable_of_the_code_is_documented() -> None:
    used = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"(?<![_A-Z])SKULLFIX_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    assert used - {"SKULLFIX_"} <= set(VARIABLES)


def test_the_page_is_ascii_and_the_same_each_time(page: str) -> None:
    assert page == manual_page()
    assert str(Path.home()) not in page


def test_groff_takes_it_without_a_warning(page: str) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-Kutf8", "-Tutf8", "-wall", "-z"],
        input=page, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""


def test_text_that_groff_would_obey_is_escaped() -> None:
    assert roff(".so /etc/passwd") == "\\&.so /etc/passwd"
    assert roff("a\\fB--x") == "a\\efB\\-\\-x"
