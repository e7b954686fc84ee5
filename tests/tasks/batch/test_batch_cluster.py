"""Batches on a real Dask cluster: scheduler and workers are processes on the loopback address."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import batch_toy
import pytest
from batch_toy import MARK, ToyOptions, products, write_cases

from skullfix.tasks.batch.run import batch

pytest.importorskip("distributed", reason="Dask is not installed")
PATIENCE_S = 240.0


@contextmanager
def program(*words: object, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own group, ended with all its children."""
    environment = {**os.environ, "PYTHONPATH": str(Path(batch_toy.__file__).parent)}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, *map(str, words)], stdout=file, stderr=file,
            env=environment, start_new_session=True, cwd=log.parent,
        )  # fmt: skip
    try:
        yield process
    finally:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def scheduler(port: int, log: Path) -> list[object]:
    return [
        "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port,
        "--no-dashboard", "--no-show",
    ]  # fmt: skip


def worker(port: int) -> list[object]:
    return [
        "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads", 1,
        "--host", "127.0.0.1", "--no-dashboard", "--preload", "batch_toy", "--memory-limit", 0,
        "--no-nanny",
    ]  # fmt: skip


def wait_until(what: object, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():  # type: ignore[operator]
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


@pytest.mark.skipif(os.name != "posix", reason="processes are ended by signals")
def test_a_lost_worker_and_a_new_scheduler_cost_no_case(tmp_path: Path) -> None:
    names = [f"{number % 2}/case{number}.nrrd" for number in range(8)]
    write_cases(tmp_path / "in", names)
    batch("toy", tmp_path / "in", tmp_path / "calm", ToyOptions(delay=1.0, mark=True))
    for mark in (tmp_path / "in").rglob(MARK):
        mark.unlink()
    port, log, out = free_port(), tmp_path / "log", tmp_path / "out"
    journal = out / "journal.jsonl"

    def finished() -> Counter[str]:
        text = journal.read_text() if journal.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # the last line may be half written
        lines = [json.loads(line) for line in whole.splitlines()]
        return Counter(line["case"] for line in lines if line["event"] == "done")

    with ExitStack() as stack:

        def begin(*words: object) -> subprocess.Popen[bytes]:
            return stack.enter_context(program(*words, log=log))

        first = begin(*scheduler(port, log))
        workers = {process.pid: process for process in (begin(*worker(port)), begin(*worker(port)))}
        address = f"tcp://127.0.0.1:{port}"
        client = begin(batch_toy.__file__, tmp_path / "in", out, "1.0", address)

        def computing() -> list[Path]:
            return [path for path in (tmp_path / "in").rglob(MARK) if path.read_text()]

        wait_until(computing, client, log)
        victim = workers.pop(int(computing()[0].read_text()))
        victim.kill()  # in mid-case
        wait_until(lambda: len(finished()) >= 2, client, log)
        first.kill()
        first.wait()
        begin(*scheduler(port, log))
        begin(*worker(port))  # workers leave with their scheduler; a queue would start new ones
        wait_until(lambda: len(finished()) == len(names) or client.poll() == 0, client, log)
        assert client.wait(PATIENCE_S) == 0, log.read_text()
    assert finished() == Counter(names)
    assert products(out) == products(tmp_path / "calm")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["totals"]["statuses"] == {"success": len(names)}
