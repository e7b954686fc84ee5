"""A disk that really fills up, and a cache that really is read-only: on a tmpfs of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from bad_server import BadServer

from skullfix.weights.catalogue import Entry
from skullfix.weights.library import Library


def _may_mount() -> bool:
    if sys.platform != "linux" or not shutil.which("unshare"):
        return False
    tried = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/tmp"]
    return subprocess.run(tried, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not _may_mount(), reason="no mounts in a namespace of one's own")

START = """
import subprocess, sys
from pathlib import Path
from skullfix.errors import WeightsError
from skullfix.weights.library import Library
from skullfix.weights.resolve import resolve_checkpoint

cache = Path(sys.argv[2])
library = Library(Path(sys.argv[1]), cache, (sys.argv[3],))
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=17m", "none", str(cache)], check=True)

def bring(progress=None):
    return resolve_checkpoint(None, task="complete", library=library, progress=progress).source

def refused(progress=None):
    try:
        bring(progress)
    except WeightsError as error:
        assert error.exit_code == 4
        assert "SKULLFIX_CACHE" in error.hint
        return error.message
    raise SystemExit("not refused")
"""

FULL = """
def fill(stage, fraction):
    with (cache / "filler").open("ab", buffering=0) as stream:
        try:
            while True:
                stream.write(b"x" * 4096)
        except OSError:
            pass

message = refused(fill)
assert "No space left" in message, message
assert not list((cache / "files").glob("*.safetensors"))
assert not list((cache / "files").glob("*.part"))
(cache / "filler").unlink()
assert bring() == "downloaded"
"""

READ_ONLY = """
def remount(mode):
    subprocess.run(["mount", "-o", f"remount,{mode}", str(cache)], check=True)

remount("ro")
message = refused()
assert "Read-only" in message, message
remount("rw")
assert bring() == "downloaded"
remount("ro")
assert bring() == "cached"
"""


@pytest.mark.parametrize("program", [FULL, READ_ONLY], ids=["full", "read-only"])
def test_disk(
    program: str, serve: Callable[..., BadServer], remote: Entry, library: Library
) -> None:
    library.cache.mkdir()
    words = [str(library.released), str(library.cache), serve().url]
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", START + program, *words],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
