"""The real command on phantoms, and what it shows."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import command
import numpy as np
import pytest

from skullfix.cli.batch import summary
from skullfix.cli.batch_progress import BatchProgress
from skullfix.cli.main import run
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume
from skullfix.tasks.batch.case import Outcome

GOOD = Outcome("a.nrrd", "success", seconds={"network": 2.0})
BAD = Outcome("b[red].nrrd", "error", error={"code": "bad_input", "message": "torn", "hint": ""})


skullfix = partial(command.skullfix, timeout=500)


def timeless(path: Path) -> str:
    """Digest of a file; of a report without the rows that tell how long the stages took."""
    data = path.read_bytes()
    if path.suffix == ".html":
        data = re.sub(rb'\s*<tr><th scope="row">\w+</th><td>[\d.]+ s</td></tr>', b"", data)
    return hashlib.sha256(data).hexdigest()  # pytest would compare millions of bytes for hours


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two patients, one folder deeper than the other, and a file that is none."""
    folder = tmp_path_factory.mktemp("heads")
    for seed, name in enumerate(("one.nrrd", "sub/two.nii.gz")):
        head = head_phantom(spacing=(2.0, 2.0, 2.0), seed=seed)
        mask = (head.bone.array & ~head.implant.array).astype(np.uint8)
        (folder / name).parent.mkdir(exist_ok=True)
        write_volume(Volume(mask, head.bone.geometry), folder / name)
    (folder / "bad.mha").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def batched(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder done once for several tests, and the document that was printed."""
    folder = tmp_path_factory.mktemp("batched")
    done = skullfix("batch", "complete", heads, "-o", folder, "--json")
    assert done.returncode == 7, done.stderr
    assert "[3/3]" in done.stderr
    assert "Traceback" not in done.stderr
    return folder, json.loads(done.stdout)


def test_a_batch_gives_the_bytes_of_single_runs(
    heads: Path, batched: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, document = batched
    assert document["task"] == "batch complete"
    assert document["totals"]["statuses"] == {"error": 1, "success": 2}
    for name in ("one.nrrd", "sub/two.nii.gz"):
        single = skullfix("complete", heads / name, "-o", (tmp_path / name).parent, "--json")
        assert single.returncode == 0, single.stderr
        for path in map(Path, json.loads(single.stdout)["outputs"].values()):
            if not path.name.endswith("_result.json"):
                assert timeless(folder / path.relative_to(tmp_path)) == timeless(path), path
    row = document["cases"][1]
    assert row["measures"]["volume_ml"] > 5
    page = (folder / "summary.html").read_text()
    assert page.count("data:image/jpeg") == 2


def test_processes_of_this_machine_give_the_same_bytes(
    heads: Path, batched: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    words = ("--no-report", "--pattern", "*.nii.gz", "--workers", 2, "-q", "--json")
    there = skullfix("batch", "complete", heads, "-o", tmp_path, *words)
    assert there.returncode == 0, there.stderr
    for name in ("two_complete.nii.gz", "two_implant.nii.gz", "two_implant.stl"):
        first, second = (folder / "sub" / name for folder in (batched[0], tmp_path))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_a_name_that_is_no_utf8_travels_to_the_workers(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "\udcffbad.nrrd").write_text("no image")
    done = skullfix(
        "batch", "complete", tmp_path / "in", "-o", tmp_path / "out", "--workers", 1, "--json",
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    row = json.loads(done.stdout)["cases"][0]
    assert (row["case"], row["error_code"]) == ("\udcffbad.nrrd", "bad_input")


def test_a_bad_limit_of_memory_is_refused_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.mha").write_text("no image")
    monkeypatch.setenv("SKULLFIX_MEMORY", "abc")
    out = tmp_path / "out"
    assert run(["batch", "complete", str(tmp_path), "-o", str(out)]) == 2
    assert "SKULLFIX_MEMORY is 'abc'" in capsys.readouterr().err
    assert not out.exists()


def test_a_first_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    done = skullfix("batch", "complete", tmp_path, "-o", tmp_path / "out", "--threads", 2)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("first run: cpu, ")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["complete", "none/", "-o", "out"], 3),
        (["complete", ".", "-o", "."], 2),
        (["complete", ".", "-o", "out", "--threshold", "bone"], 2),
        (["complete", ".", "-o", "out", "--pattern", ""], 2),
        (["complete", ".", "-o", "out", "--scheduler", "tcp://x:1", "--workers", "2"], 2),
        (["complete", ".", "-o", "out", "--model", "no-such-model"], 4),
        (["complete", "."], 2),
        (["paint", ".", "-o", "out"], 2),
    ],
)
def test_bad_options_are_refused(
    words: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "bad.mha").write_text("no image")
    monkeypatch.chdir(tmp_path)
    assert run(["batch", *words]) == code
    assert "error: " in capsys.readouterr().err
    assert not (tmp_path / "out" / "summary.json").exists()


def listen(progress: BatchProgress) -> None:
    progress.total(3)
    progress.note("a note")
    progress.stage("a.nrrd", "network")
    progress.ended(GOOD, False)
    progress.ended(BAD, False)
    progress.ended(GOOD, True)


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchProgress() as progress:
        listen(progress)
    assert capsys.readouterr().err.splitlines() == [
        "a note",
        "[1/3] a.nrrd: success, 2.0 s",
        "[2/3] b[red].nrrd: failed: torn",
        "[3/3] a.nrrd: success in an earlier run",
    ]
    with BatchProgress(quiet=True) as progress:
        listen(progress)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_live_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "140")
    reader, writer = pty.openpty()

    def read_all() -> str:
        parts = []
        with contextlib.suppress(OSError):  # Linux says so that the other end is closed
            while part := os.read(reader, 65536):
                parts.append(part)
        os.close(reader)
        return b"".join(parts).decode()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_all)
        with os.fdopen(writer, "w") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            with BatchProgress() as progress:
                listen(progress)
                progress.stopping()
            monkeypatch.undo()
        shown = reading.result(timeout=60)
    for words in ("3/3", "1 failed", "a minute", "b[red].nrrd: failed: torn", "Ctrl-C again"):
        assert words in shown


def test_the_text_at_the_end() -> None:
    rows = [{"case": f"{n}.nrrd", "status": "error", "error": "torn"} for n in range(7)]
    totals = {"cases": 9, "statuses": {"error": 7, "not_run": 2}, "earlier": 1}
    document = {"cases": rows, "totals": totals, "status": "interrupted", "outputs": {}}
    text = summary({**document, "notice": "Research use."})
    assert "9 cases: 7 failed, 2 not run (1 from earlier runs)" in text
    assert "and 2 more failures" in text
    assert "goes on from here" in text
