from __future__ import annotations

import threading

import pytest

from skullfix.tasks import beside as module
from skullfix.tasks.beside import beside


@pytest.mark.parametrize("threads", [1, 2])
def test_work_goes_to_another_thread_only_where_one_may_be_used(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(module, "thread_count", lambda: threads)
    with beside() as other:
        where = other.submit(threading.get_ident).result()
    assert (where == threading.get_ident()) == (threads == 1)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failure_is_raised_where_the_result_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(module, "thread_count", lambda: threads)
    with beside() as other:
        failed = other.submit(int, "no number")
        fine = other.submit(int, "7")
    assert fine.result() == 7
    with pytest.raises(ValueError, match="no number"):
        failed.result()
