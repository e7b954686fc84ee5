"""What is kept of freed memory, each in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps blocks")

# how many pages a block costs that was there before, and how much is held after all was freed
PROGRAM = """
import resource, sys
import numpy as np, psutil
from skullfix.sparse import heap

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def held():
    return psutil.Process().memory_info().rss

def block():
    np.frombuffer(bytearray(100_000_000), np.uint8)[::4096] = 1

for name in sys.argv[1:]:
    getattr(heap, name)()
block()
before = faults()
block()
print(faults() - before)
start = held()
heap.give_back()
print(start - held())
"""


def run(*names: str, **variables: str) -> tuple[int, int]:
    """Faults of a second block of 100 MB, and bytes that went back on demand afterwards."""
    rest = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names],
        capture_output=True,
        text=True,
        check=True,
        env=rest | variables,
    )
    faults, back = map(int, done.stdout.split())
    return faults, back


def test_a_freed_block_is_there_again_and_goes_back_on_demand() -> None:
    faults, back = run("keep_freed")
    assert faults < 1000
    assert back > 80_000_000


def test_where_memory_is_short_nothing_is_kept() -> None:
    faults, back = run("keep_freed", "keep_nothing")
    assert faults > 10_000
    assert back < 20_000_000


def test_what_the_user_has_set_is_left_alone() -> None:
    faults, _ = run("keep_freed", MALLOC_MMAP_THRESHOLD_="1000000")
    assert faults > 10_000
