"""Where the desktop bundle starts: skullfix, with its caches in the user's own folder.

The bundle may lie where nobody may write. numba keeps the compiled kernels where NUMBA_CACHE_DIR
says; torch writes no cache for what skullfix does, and is told the same folder for all the same.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from pathlib import Path

from platformdirs import user_cache_path


def main() -> None:
    """Run skullfix, or a module of it as ``python -m`` would (its own worker processes)."""
    multiprocessing.freeze_support()
    cache = Path(os.environ.get("SKULLFIX_CACHE") or user_cache_path("skullfix", appauthor=False))
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache.expanduser().absolute() / "kernels"))
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache.expanduser().absolute() / "torch"))
    if sys.argv[1:2] == ["-m"]:
        del sys.argv[:2]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        return
    from skullfix.cli.main import main as skullfix

    skullfix()


if __name__ == "__main__":
    main()
