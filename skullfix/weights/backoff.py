"""How long to wait before the next try."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from skullfix.weights.library import Patience


def delay(failures: int, patience: Patience) -> float:
    """Return a pause in seconds that doubles with each failure, with jitter.

    Args:
        failures: Failed tries in a row, 1 or more.
        patience: First and longest pause.
    """
    longest = min(patience.first_delay * 2.0 ** min(failures - 1, 30), patience.longest_delay)
    return longest * random.uniform(0.5, 1.0)


def retry_after(header: str | None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date; None where it says nothing usable."""
    text = (header or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
