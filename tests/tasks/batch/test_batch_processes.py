"""Batches that are killed and interrupted, each in a process of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import batch_toy
import pytest
from batch_toy import MARK, ToyOptions, products, write_cases

from skullfix.tasks.batch.run import batch

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
PATIENCE_S = 120.0


def start(folder: Path, delay: float) -> subprocess.Popen[str]:
    command = [sys.executable, batch_toy.__file__, folder / "in", folder / "out", str(delay)]
    words = [str(word) for word in command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def done(folder: Path) -> Counter[str]:
    text = (folder / "out" / "journal.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    return Counter(line["case"] for line in lines if line["event"] == "done")


def test_killed_at_random_moments_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    names = [f"{number % 2}/case{number}.nrrd" for number in range(10)]
    write_cases(tmp_path / "in", names, size=24)
    batch("toy", tmp_path / "in", tmp_path / "calm", ToyOptions(delay=0.1, mark=True))
    rng = random.Random(9)
    for _ in range(3):
        for mark in (tmp_path / "in").rglob(MARK):
            mark.unlink()
        process = start(tmp_path, 0.1)
        wait_for(tmp_path / "out" / "journal.jsonl", process)
        while not list((tmp_path / "in").rglob(MARK)) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.communicate()
    process = start(tmp_path, 0.1)
    shown = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, shown
    assert "success" in shown[0]
    assert products(tmp_path / "out") == products(tmp_path / "calm")
    assert done(tmp_path) == Counter(names)


def test_the_first_interrupt_finishes_the_case_in_hand(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", [f"{number}.nrrd" for number in range(5)])
    process = start(tmp_path, 1.0)
    wait_for(tmp_path / "in" / MARK, process)
    process.send_signal(signal.SIGINT)
    shown = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, shown
    assert shown[0].startswith("interrupted")
    assert "Ctrl-C again" in shown[1]
    assert 1 <= len(done(tmp_path)) < 5
    assert (tmp_path / "out" / "summary.html").is_file()
    process = start(tmp_path, 0.0)
    process.communicate(timeout=PATIENCE_S)


def test_the_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", [f"{number}.nrrd" for number in range(3)])
    process = start(tmp_path, PATIENCE_S * 2)
    wait_for(tmp_path / "in" / MARK, process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "Ctrl-C again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    shown = process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in shown[1]
    assert not done(tmp_path)
    batch("toy", tmp_path / "in", tmp_path / "out", ToyOptions())
    assert len(done(tmp_path)) == 3


def test_a_second_batch_is_refused_while_one_runs(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", ["a.nrrd"])
    first = start(tmp_path, PATIENCE_S * 2)
    wait_for(tmp_path / "in" / MARK, first)
    second = start(tmp_path, 0.0)
    shown = second.communicate(timeout=PATIENCE_S)
    first.kill()
    first.communicate()
    assert second.returncode != 0
    assert "Another batch is writing" in shown[1]
    third = start(tmp_path, 0.0)
    shown = third.communicate(timeout=PATIENCE_S)
    assert shown[0].startswith("success"), shown
