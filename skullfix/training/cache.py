"""Arrays that a run makes once and reads again when it is resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from skullfix.files.whole import whole_file


def cached_arrays(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Read the arrays of an ``.npz`` file, which is made first if it is not there.

    Args:
        path: Of the file; its name must tell what the arrays depend on.
        make: Gives the arrays by their names.
    """
    if not path.is_file():
        arrays = make()
        with whole_file(path, overwrite=True) as file:
            np.savez(file, **arrays)
    with np.load(path) as stored:
        return dict(stored)
