"""The command, as its users run it."""

from __future__ import annotations

import subprocess
import sys


def skullfix(*words: object, timeout: float = 180) -> subprocess.CompletedProcess[str]:
    """Run ``skullfix`` with these words in a process of its own."""
    command = [sys.executable, "-m", "skullfix", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
