from __future__ import annotations

import os
import pty
import sys

import pytest

from skullfix.cli.progress import Reporter


def test_plain_lines_one_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter() as progress:
        progress("read")
        for step in range(5):
            progress("network", step / 4)
        progress("write", None)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "read\nnetwork\nwrite\n"


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(quiet=True) as progress:
        progress("read", 0.5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with Reporter() as progress:
            progress("read [bold]", 0.2)
            progress("read [bold]", 7.0)
            progress("write")
        monkeypatch.undo()
    shown = os.read(reader, 100_000).decode()
    os.close(reader)
    assert "read [bold]" in shown
    assert "100%" in shown
    assert "write" in shown
