from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hypothesis import example, given
from hypothesis import strategies as st

from skullfix.weights.backoff import delay, retry_after
from skullfix.weights.library import Patience


@given(st.integers(1, 10_000))
def test_delay_doubles_up_to_its_limit(failures: int) -> None:
    patience = Patience(first_delay=1.0, longest_delay=60.0)
    longest = min(2.0 ** min(failures - 1, 10), 60.0)
    assert longest / 2 <= delay(failures, patience) <= longest


def test_seconds() -> None:
    assert retry_after("120") == 120.0


def test_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < (retry_after(format_datetime(later, usegmt=True)) or 0) <= 100
    assert retry_after("Fri, 31 Dec 1999 23:59:59 GMT") == 0.0


@given(st.text() | st.none())
@example("0\x1f")  # blank to str.strip, not to float
def test_nonsense_is_ignored(header: str | None) -> None:
    assert (retry_after(header) or 0.0) >= 0.0
