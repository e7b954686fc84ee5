"""The README's commands, run in order in one folder as a newcomer would run them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from skullfix.cli.manual import commands
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume

README = Path(__file__).parents[1] / "README.md"

NOT_RUN = {  # beginnings of commands, and why a test does not run them
    "pipx install": "installation; `make dist` installs the wheel into a fresh environment",
    "make ": "make test would run itself; the others install, or build for minutes",
    "from dask_jobqueue": "needs a Slurm cluster",
    "skullfix evaluate --set": "needs the AutoImplant data and minutes a skull",
    "skullfix train": "needs the AutoImplant data and hours",
    "torchrun": "needs the AutoImplant data and several processors",
    "skullfix --install-completion": "writes into the start file of the shell that runs it",
    "skullfix demo": "has its own test (tests/cli/test_demo_and_simulate.py)",
}


def blocks() -> Iterator[str]:
    """Give the indented and fenced code blocks, dedented."""
    text = README.read_text(encoding="utf-8")
    for match in re.finditer(r"^```\w*\n(.*?)^```|((?:^ {4}[^\n]*\n)+)", text, re.M | re.S):
        fenced, indented = match.groups()
        yield fenced if fenced else re.sub(r"^ {4}", "", indented, flags=re.M)


def readme_commands() -> list[str]:
    """Give the commands: one a line, continued by a backslash; Python as one piece a block."""
    found: list[str] = []
    for block in blocks():
        if re.match(r"(import|from) ", block):
            found.append(block)
        else:
            joined = block.replace("\\\n", " ")
            found += [line.strip() for line in joined.splitlines() if line.strip()]
    return found


def runs(text: str) -> bool:
    return not any(text.startswith(beginning) for beginning in NOT_RUN)


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with scans under the README's names, small but whole."""
    scan = head_phantom(spacing=(2.0, 2.0, 2.0))
    skull = head_phantom(spacing=(2.0, 2.0, 2.0), seed=1, defect=False).bone
    z, y, x = np.ogrid[tuple(slice(n) for n in skull.array.shape)]
    ball = ((z - 40) ** 2 + (y - 40) ** 2 + (x - 40) ** 2 < 225).astype(np.uint8)
    (tmp_path / "scans" / "monday").mkdir(parents=True)
    for name in ("scan.nrrd", "scans/monday/a.nrrd"):
        write_volume(scan.ct, tmp_path / name)
    write_volume(Volume(skull.array.astype(np.uint8), skull.geometry), tmp_path / "skull.nrrd")
    write_volume(Volume(ball, skull.geometry), tmp_path / "heart.nii.gz")
    write_volume(Volume(ball, skull.geometry), tmp_path / "organs.nii.gz")
    coarse = head_phantom(spacing=(3.6, 3.6, 3.6), defect=False).bone
    write_volume(
        Volume(coarse.array.astype(np.uint8), coarse.geometry), tmp_path / "coarse_skull.nii.gz"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SKULLFIX_OFFLINE", "1")
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(1800)  # some twenty commands, one after the other
def test_every_command_of_the_readme_works(newcomer: Path) -> None:
    for text in filter(runs, readme_commands()):
        if text.startswith("import "):
            words = [sys.executable, "-c", text]
        else:
            assert text.startswith("skullfix "), f"neither run nor excused: {text}"
            words = ["bash", "-e", "-c", text]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
    assert (newcomer / "scan_implant.stl").is_file()
    assert (newcomer / "results" / "monday" / "a_complete.nrrd").is_file()


@pytest.mark.parametrize("beginning", NOT_RUN)
def test_excuses_are_still_needed(beginning: str) -> None:
    assert any(text.startswith(beginning) for text in readme_commands())


def test_commands_and_options_within_sentences_exist() -> None:
    known = {" ".join(path): node for path, node in commands()}
    options = {name for node in known.values() for p in node.params for name in p.opts}
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", README.read_text(encoding="utf-8"))
    for text in inline:
        words = text.split()
        if words[0] == "skullfix" and len(words) > 1:
            assert f"skullfix {words[1]}" in known, text
        if words[0].startswith("--") and words[0] != "--help":
            assert words[0] in options, text


def test_links_and_pictures_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            assert (README.parent / target).exists(), target


def test_command_lines_are_plain_shell() -> None:
    for text in readme_commands():
        if text.startswith(("skullfix", "pip", "make")):
            assert shlex.split(text, comments=True)
