"""Streams that cannot be written or are closed, and SIGTERM, each on a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/dev/full and shells of Linux")
LOST = "error: stdout cannot be written (No space left on device).\nhint: "
WAITING = """
import time
from pathlib import Path
from skullfix.cli.render import command
from skullfix.files.outputs import staged

def wait(folder: Path) -> None:
    with command() as out, staged({"a": folder / "a.txt"}) as aside:
        aside["a"].write_text("half")
        time.sleep(300)
"""


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of sh in which ``skullfix`` is this installation."""
    line = f'exec "{sys.executable}" -m skullfix {line}'
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", ["--help", "--version", "weights list", "weights list --json"])
def test_a_full_disk_below_stdout_is_said_once(words: str) -> None:
    done = shell(f"{words} > /dev/full")
    assert done.returncode == 6
    assert done.stderr.startswith(LOST)
    assert len(done.stderr.splitlines()) == 2


def test_a_failure_keeps_its_code_on_a_full_disk() -> None:
    done = shell("weights path nosuch --json > /dev/full")
    assert done.returncode == 4
    assert done.stderr.startswith("error: No checkpoint is called 'nosuch'")
    assert LOST in done.stderr
    assert shell("weights path nosuch 2> /dev/full").returncode == 4


def test_closed_streams_swallow_what_is_written() -> None:
    assert shell("weights list --json >&-").returncode == 0
    done = shell("weights list --json 2>&-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "success"
    done = shell("complete nosuch.nrrd 2>&- --json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "bad_input"


def test_sigterm_leaves_no_unfinished_files(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(WAITING)
    out = tmp_path / "out"
    out.mkdir()
    program = (
        "import sys; from skullfix.cli import main as m\n"
        "m.COMMANDS = (m.Entry('wait', 'waiting:wait', 'Wait.'),)\n"
        f"sys.argv[1:] = ['wait', {str(out)!r}]; m.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        end = time.monotonic() + 60
        while not list(out.glob(".skullfix-*/new/a.txt")):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 143
    assert not list(out.iterdir())
