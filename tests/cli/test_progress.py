from __future__ import annotations

import contextlib
import os
import pty
import sys
from concurrent.futures import ThreadPoolExecutor

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


def test_a_remark_has_a_line_of_its_own_and_no_escape_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Reporter() as progress:
        progress("read")
        progress.note("series \x1b[2J of 3")
        progress("read")
    with Reporter(quiet=True) as progress:
        progress.note("nothing")
    assert capsys.readouterr().err == "read\nseries \\x1b[2J of 3\n"


def _all_of(reader: int) -> str:
    """What a terminal shows until its other end is closed; one read may give a part only."""
    parts = []
    with contextlib.suppress(OSError):  # Linux says so that the other end is closed
        while part := os.read(reader, 65536):
            parts.append(part)
    os.close(reader)
    return b"".join(parts).decode()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    reader, writer = pty.openpty()
    with ThreadPoolExecutor(1) as pool:  # a full terminal would hold the bar up
        reading = pool.submit(_all_of, reader)
        with os.fdopen(writer, "w") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            with Reporter() as progress:
                progress("read [bold]", 0.2)
                progress("read [bold]", 7.0)
                progress("write")
            monkeypatch.undo()
        shown = reading.result(timeout=60)
    assert "read [bold]" in shown
    assert "100%" in shown
    assert "write" in shown
