"""Fixtures that several rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data; the test is skipped where it is absent."""
    if not (REAL_DATA / "autoimplant" / "split.txt").is_file():
        pytest.skip(f"the real data is not at {REAL_DATA}")
    return REAL_DATA
