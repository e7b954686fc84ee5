from __future__ import annotations

from pathlib import Path

import pytest
from batch_toy import ToyOptions, load, write_cases

from skullfix.tasks.batch import worker
from skullfix.tasks.batch.case import Case
from skullfix.tasks.batch.worker import Errand, TransientError, run_errand

SHA256 = load(ToyOptions(), None).facts["sha256"]


def errand(folder: Path, name: str, *, last_try: bool = False) -> Errand:
    write_cases(folder, ["case.nrrd"])
    (folder / "case.nrrd").rename(folder / name)
    case = Case(name, folder / name, folder, name, ".nrrd")
    return Errand("toy", case, ToyOptions(), folder, SHA256, 1, last_try)


def test_a_failure_that_may_go_away_travels_as_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: object) -> None:
        raise OSError("disk \udcff is gone")

    monkeypatch.setattr(worker, "_model", refuse)
    with pytest.raises(TransientError) as caught:
        run_errand(errand(tmp_path, "a.nrrd"))
    assert str(caught.value).isascii()
    outcome = run_errand(errand(tmp_path, "b.nrrd", last_try=True))
    assert outcome.error is not None
    assert outcome.error["message"] == "OSError: disk \udcff is gone"
