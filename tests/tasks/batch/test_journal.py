from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skullfix.errors import OutputError
from skullfix.tasks.batch.case import Key, Outcome
from skullfix.tasks.batch.journal import Journal
from skullfix.tasks.batch.lock import locked

KEY = Key("1" * 64, "2" * 64, "3" * 64)
DONE = Outcome("a.nrrd", "success", {"mesh": "a.stl"}, {"mesh": 3}, {"volume_ml": None}, {}, 7)
BAD = Outcome("b.nrrd", "error", error={"code": "bad_input", "message": "m", "hint": ""})


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.run({"task": "toy"})
        journal.begin("a.nrrd")
        journal.begin("c.nrrd")
        journal.end(KEY, DONE)
        journal.end(KEY, BAD)
    with Journal(path) as journal:
        assert journal.last("a.nrrd") == (KEY, DONE)
        assert journal.last("b.nrrd") == (KEY, BAD)
        assert journal.last("c.nrrd") is None
        assert journal.started("c.nrrd")
        assert not journal.started("b.nrrd")
        assert journal.outputs("a.nrrd") == {"a.stl"}
        assert not journal.damaged


@given(cut=st.integers(0, 600))
def test_half_a_line_at_the_end_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    with Journal(path) as journal:
        journal.end(KEY, DONE)
        whole = path.stat().st_size
        journal.end(KEY, BAD)
    path.write_bytes(path.read_bytes()[: whole + cut])
    with Journal(path) as journal:
        assert journal.last("a.nrrd") == (KEY, DONE)
        journal.end(KEY, BAD)
    lines = path.read_text().splitlines()
    assert all(json.loads(line) for line in lines)
    with Journal(path) as journal:
        assert journal.last("b.nrrd") == (KEY, BAD)


def test_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.end(KEY, DONE)
    good = path.read_bytes()
    path.write_bytes(b'\0\0\n[]\n{"event": "done", "case": 3}\nnull\n\xff\n' + good)
    with Journal(path) as journal:
        assert journal.damaged == 5
        assert journal.last("a.nrrd") == (KEY, DONE)


def test_a_journal_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(OutputError, match="journal"):
        Journal(tmp_path / "journal.jsonl")


def test_one_batch_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(OutputError, match="Another batch"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_dead_process_lets_go(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from skullfix.tasks.batch.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OutputError), locked(tmp_path):
            pass
        holder.kill()
    with locked(tmp_path):
        pass
