from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from hypothesis import given
from hypothesis import strategies as st

from skullfix.cli.render import command, describe, print_document, printable
from skullfix.errors import (
    BatchError,
    InputError,
    MemoryLimitError,
    OutputError,
    SkullfixError,
    UsageError,
    WeightsError,
)


def code_of(error: BaseException, *, json_output: bool = False) -> int:
    with pytest.raises(typer.Exit) as caught, command(json_output):
        raise error
    return caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("a"), 2),
        (InputError("a"), 3),
        (WeightsError("a"), 4),
        (MemoryLimitError("a"), 5),
        (OutputError("a"), 6),
        (BatchError("a"), 7),
        (ValueError("a"), 1),
        (OSError(errno.EIO, "a"), 1),
        (MemoryError(), 5),
        (np._core._exceptions._ArrayMemoryError((10**9,), np.dtype(np.int64)), 5),
        (torch.OutOfMemoryError("CUDA out of memory"), 5),
        (KeyboardInterrupt(), 130),
        (SystemExit(9), 9),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    assert code_of(error) == code


def test_torch_allocation_failure_is_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.int8)
    assert describe(caught.value)[0] == 5


def test_error_and_hint_lines(capsys: pytest.CaptureFixture[str]) -> None:
    code_of(InputError("scan [bold].nrrd has 2 axes;\nexpected 3.", hint="Give a volume."))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == ("error: scan [bold].nrrd has 2 axes;\nexpected 3.\nhint: Give a volume.\n")


def test_long_lines_are_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    code_of(InputError("x" * 500, hint="y" * 500))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_error_document_is_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> None:
        with command(True) as out:
            out.facts.update(task="complete", inputs=[Path("a.nrrd")])
            print("a library that prints")
            raise InputError("what", hint="do")

    with pytest.raises(typer.Exit):
        body()
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {
        "task": "complete",
        "inputs": ["a.nrrd"],
        "status": "error",
        "error": {"code": "bad_input", "message": "what", "hint": "do"},
    }
    assert "a library that prints" in shown.err


def test_traceback_only_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKULLFIX_DEBUG", raising=False)
    code_of(ValueError("a"))
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("SKULLFIX_DEBUG", "1")
    code_of(ValueError("a"))
    assert "Traceback" in capsys.readouterr().err


def test_result_as_text_and_as_document(capsys: pytest.CaptureFixture[str]) -> None:
    with command(False) as out:
        out.finish({"status": "success"}, "done")
    assert capsys.readouterr().out == "done\n"
    with command(True) as out:
        out.facts["task"] = "x"
        out.finish({"status": "success", "loss": np.float32("nan")}, "done")
    assert json.loads(capsys.readouterr().out) == {"task": "x", "status": "success", "loss": None}


def test_result_with_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, command(True) as out:
        out.finish({"status": "partial"}, exit_code=7)
    assert caught.value.exit_code == 7
    assert json.loads(capsys.readouterr().out)["status"] == "partial"


def test_document_of_odd_values(capsys: pytest.CaptureFixture[str]) -> None:
    print_document({"a": (1, np.int64(2)), 3: float("inf"), "n": "\udcff", "p": Path("x")})
    assert json.loads(capsys.readouterr().out) == {"a": [1, 2], "3": None, "n": "\udcff", "p": "x"}


@given(st.text())
def test_printable_never_passes_a_control_character(text: str) -> None:
    assert all(c.isprintable() or c == "\n" for c in printable(text))


def test_any_error_has_a_document() -> None:
    assert describe(SkullfixError("a"))[:2] == (1, "unexpected")


PROGRAM = """
import sys, typer
from skullfix.cli.render import command
try:
    with command() as out:
        out.finish({}, "line\\n" * 100000)
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


def test_reader_that_goes_away_leaves_no_noise() -> None:
    # Unbuffered, Python itself would not notice a write that was cut short.
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=buffered,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        noise = process.stderr.read().decode()
        assert process.wait() == 141
    assert noise == ""


def test_no_color_is_obeyed() -> None:
    program = (
        "import sys; sys.stderr.isatty = lambda: True\n"
        "from skullfix.cli.render import report_failure\n"
        "report_failure(ValueError('a'), json_output=False)"
    )
    plain = {**os.environ, "NO_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=plain, check=True
    )
    assert b"\x1b[1;31m" not in done.stderr
    assert b"[31m" not in done.stderr
