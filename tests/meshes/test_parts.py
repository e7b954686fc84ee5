from __future__ import annotations

import pytest

from skullfix.meshes import parts
from skullfix.meshes.parts import in_parts


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_every_item_is_worked_on_once_and_in_order(
    monkeypatch: pytest.MonkeyPatch, count: int, threads: int
) -> None:
    monkeypatch.setattr(parts, "thread_count", lambda: threads)
    found = in_parts(count, 3, lambda first, end: list(range(first, end)))
    assert [item for part in found for item in part] == list(range(count))
    assert len(found) == max(1, min(threads, count // 3))


def test_a_failure_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        in_parts(10, 1, lambda first, end: 1 // (first - first))
