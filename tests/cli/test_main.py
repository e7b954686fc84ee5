from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from skullfix import __version__
from skullfix.cli.main import COMMANDS, load, run

HEAVY = ("torch", "numpy", "SimpleITK", "skimage", "scipy", "requests", "numba", "trimesh")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_answers_without_heavy_imports(option: str) -> None:
    program = (
        "import sys; from skullfix.cli.main import run; run([sys.argv[1]]);"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, option], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for entry in COMMANDS:
        assert f" {entry.name} " in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"skullfix {__version__}\n"


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_each_command_loads_and_shows_its_help(
    entry: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load(entry).name == entry.name
    assert run([entry.name, "--help"]) == 0
    assert f"skullfix {entry.name}" in capsys.readouterr().out


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_command_modules_are_light(entry: object) -> None:
    module = entry.target.partition(":")[0]
    assert find_spec(module) is not None
    program = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_unknown_command_is_a_usage_error_with_a_suggestion(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["inf"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("error: No such command")
    assert "info" in lines[0]
    assert lines[-1] == "hint: See skullfix --help."


def test_usage_error_under_json_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", "--colour", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "error"
    assert document["error"]["code"] == "usage"


def test_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("skullfix")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"skullfix {__version__}"


def test_the_process_ends_with_its_code_after_what_libraries_have_to_do_then() -> None:
    program = (
        "import atexit, sys\n"
        "from skullfix.cli import main as m\n"
        "def run():\n"
        "    atexit.register(print, 'last words')\n"
        "    print('result', end=' ')\n"
        "    return 3\n"
        "m.run = run\n"
        "m.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "result last words\n", "")


@pytest.mark.parametrize(
    ("name", "usual", "other"),
    [("OMP_WAIT_POLICY", "PASSIVE", "ACTIVE"), ("OPENBLAS_NUM_THREADS", "1", "3")],
)
@pytest.mark.parametrize("own", [False, True])
def test_threads_do_not_spin_unless_told_otherwise(
    name: str, usual: str, other: str, own: bool
) -> None:
    program = (
        "import os, sys; from skullfix.cli.main import main; sys.argv[1:] = ['--version']\n"
        "assert 'numpy' not in sys.modules  # it reads the variable when it is loaded\n"
        "try: main()\n"
        f"except SystemExit: print(os.environ[{name!r}])"
    )
    rest = {key: value for key, value in os.environ.items() if key != name}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=rest | ({name: other} if own else {}),
    )
    assert done.stdout.splitlines()[-1] == (other if own else usual)
