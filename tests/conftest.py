"""Fixtures that several rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(  # a busy machine is no error
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

REAL_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


LONGEST = "test_readme.py"
"""Goes first, so that no process waits for it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name != LONGEST)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data; the test is skipped where it is absent."""
    if not (REAL_DATA / "autoimplant" / "split.txt").is_file():
        pytest.skip(f"the real data is not at {REAL_DATA}")
    return REAL_DATA
