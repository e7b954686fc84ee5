"""What the tests of DICOM folders and of DICOM in zips share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skullfix.errors import InputError
from skullfix.images.read import read_scan

Writer = Callable[..., np.ndarray[Any, Any]]
EVEN = [30.0, 31.5, 33.0, 34.5, 36.0]


def refused(path: Path, match: str, **options: Any) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_scan(path, **options)
    assert caught.value.hint
