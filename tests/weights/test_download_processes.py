"""Downloads by processes that race, are killed or have no room."""

from __future__ import annotations

import subprocess
import sys
import time

import bad_server as bad
import pytest
from bad_server import BadServer
from downloads import Serve, assert_right, bring

from skullfix.weights.cache import cached_path
from skullfix.weights.catalogue import Entry
from skullfix.weights.library import Library

PROGRAM = """
import sys
from pathlib import Path
from skullfix.weights.library import Library
from skullfix.weights.resolve import resolve_checkpoint
{before}
library = Library(Path(sys.argv[1]), Path(sys.argv[2]), (sys.argv[3],))
print(resolve_checkpoint(None, task="complete", library=library).source)
"""


def start(library: Library, server: BadServer, before: str = "") -> subprocess.Popen[str]:
    program = PROGRAM.format(before=before)
    arguments = [str(library.released), str(library.cache), server.url]
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_download_once(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.drip(20, 0.1))
    processes = [start(library, server) for _ in range(2)]
    results = [process.communicate(timeout=60) for process in processes]
    assert all(process.returncode == 0 for process in processes), results
    assert len(server.requests) == 1
    assert_right(cached_path(library.cache, remote.sha256), remote, library)


def test_kill_in_the_middle_then_resume(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.drip(50, 0.05))
    part = cached_path(library.cache, remote.sha256).with_suffix(".part")
    with start(library, server) as process:
        deadline = time.monotonic() + 30
        while not (part.is_file() and part.stat().st_size):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    assert not cached_path(library.cache, remote.sha256).exists()
    have = part.stat().st_size
    assert 0 < have < remote.size
    assert_right(bring(remote, library, server), remote, library)
    assert server.ranges()[-1] == f"bytes={have}-"


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_disk_full_while_writing(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    with start(library, server, limit) as process:
        noise = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "WeightsError" in noise
    assert "cannot be written" in noise
    assert not list((library.cache / "files").glob("*.part*"))
    assert_right(bring(remote, library, server), remote, library)
