from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skullfix.cli.completion import Shell, script
from skullfix.cli.main import run

BASH = """
{script}
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_skullfix_completion skullfix
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
function compdef {{ }}
{script}
words=({words}); CURRENT=${{#words}}
function _arguments {{ print -l -- "$@" }}
function _files {{ }}
_skullfix_completion
"""


def in_shell(shell: str, *words: str) -> str:
    """Run words in a shell whose PATH begins with this environment's commands."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [shell, *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


CASES = [
    ("skullfix com", {"complete", "completion"}),
    ("skullfix complete --cl", {"--clearance"}),
    ("skullfix weights ver", {"verify"}),
    ("skullfix batch complete --sch", {"--scheduler"}),
    ("skullfix slicer-module --ov", {"--overwrite"}),
    ("skullfix completion ''", {"bash", "zsh", "fish"}),
    ("skullfix complete ''", set()),  # bash then offers files
]


@pytest.mark.parametrize(("words", "offered"), CASES)
def test_bash_completes(words: str, offered: set[str]) -> None:
    program = BASH.format(script=script(Shell.BASH), words=words)
    assert set(in_shell("bash", "--norc", "-c", program).split()) == offered


def test_bash_falls_back_to_files() -> None:
    assert "complete -o default -F" in script(Shell.BASH)


@pytest.mark.parametrize(("words", "offered"), CASES[:3])
def test_zsh_completes(words: str, offered: set[str]) -> None:
    shown = in_shell("zsh", "-f", "-c", ZSH.format(script=script(Shell.ZSH), words=words))
    assert all(word.replace("--", "\\-\\-") in shown or word in shown for word in offered)


@pytest.mark.parametrize(("words", "offered"), CASES[:3])
def test_fish_completes(words: str, offered: set[str], tmp_path: Path) -> None:
    own = tmp_path / "skullfix.fish"
    own.write_text(script(Shell.FISH))
    shown = in_shell("fish", "--no-config", "-c", f"source {own}; complete --do-complete '{words}'")
    assert {line.partition("\t")[0] for line in shown.splitlines()} == offered


def test_the_command_prints_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "fish"]) == 0
    assert capsys.readouterr().out.strip() == script(Shell.FISH)


def test_another_shell_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "csh"]) == 2
    assert "bash" in capsys.readouterr().err
