"""Batches of the toy task in this process: isolation, resuming, summaries."""

from __future__ import annotations

import csv
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from batch_toy import ToyOptions, products, write_cases

from skullfix.errors import OutputError, UsageError
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.tasks.batch.cluster import ClusterSettings
from skullfix.tasks.batch.run import BatchSettings, batch

NAMES = ["a.nrrd", "b.nii.gz", "sub/a.nrrd", "sub/deep/c.mha"]


def run(folder: Path, options: ToyOptions | None = None, **settings: Any) -> dict[str, Any]:
    return batch(
        "toy", folder / "in", folder / "out", options or ToyOptions(), BatchSettings(**settings)
    )


def events(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "out" / "journal.jsonl").read_text().splitlines()
    parsed = [json.loads(line) for line in lines]
    return [(line["event"], line["case"]) for line in parsed if line["event"] != "run"]


def done(folder: Path) -> list[str]:
    return sorted(case for event, case in events(folder) if event == "done")


def test_all_cases_are_done_and_mirrored(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", NAMES)
    document = run(tmp_path)
    assert document["status"] == "success"
    assert document["totals"]["statuses"] == {"success": 4}
    assert {"sub/deep/c_product.mha", "b_product.nii.gz"} <= set(products(tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == document
    assert [row["case"] for row in document["cases"]] == NAMES
    assert all(row["peak_memory_bytes"] > 0 for row in document["cases"])


def test_a_second_run_does_nothing_and_overwrite_does_all(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", NAMES)
    run(tmp_path)
    before = products(tmp_path / "out")
    assert run(tmp_path)["totals"]["earlier"] == 4
    assert done(tmp_path) == sorted(NAMES)
    assert run(tmp_path, ToyOptions(overwrite=True))["totals"]["earlier"] == 0
    assert done(tmp_path) == sorted(NAMES * 2)
    assert products(tmp_path / "out") == before


def test_what_changed_is_done_again_and_leaves_nothing_old(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", NAMES)
    run(tmp_path, ToyOptions(factor=3))
    assert (tmp_path / "out" / "a_odd.txt").is_file()
    write_cases(tmp_path / "in", ["b.nii.gz"], size=5)
    assert run(tmp_path, ToyOptions(factor=3))["totals"]["earlier"] == 3
    assert run(tmp_path, ToyOptions(factor=4))["totals"]["earlier"] == 0
    assert not list((tmp_path / "out").rglob("*_odd.txt"))
    assert run(tmp_path, ToyOptions(factor=4, model="other"))["totals"]["earlier"] == 0
    (tmp_path / "out" / "a_product.nrrd").unlink()
    assert run(tmp_path, ToyOptions(factor=4, model="other"))["totals"]["earlier"] == 3


def test_files_of_others_are_kept(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", NAMES)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_product.nrrd").write_text("mine")
    document = run(tmp_path)
    failed = [row for row in document["cases"] if row["status"] == "error"]
    assert [(row["case"], row["error_code"]) for row in failed] == [("a.nrrd", "output_refused")]
    assert (tmp_path / "out" / "a_product.nrrd").read_text() == "mine"
    assert run(tmp_path, ToyOptions(overwrite=True))["totals"]["failed"] == 0


def test_failures_are_kept_until_they_are_to_be_retried(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", [*NAMES, "crash.nrrd"])
    assert run(tmp_path)["totals"]["failed"] == 1
    again = run(tmp_path)
    assert again["totals"]["failed"] == 1
    assert again["totals"]["earlier"] == 5
    assert "ZeroDivisionError" in next(r["error"] for r in again["cases"] if r["error"])
    assert run(tmp_path, retry_failed=True)["totals"]["earlier"] == 4
    (tmp_path / "in" / "crash.nrrd").rename(tmp_path / "in" / "fine.nrrd")
    assert run(tmp_path)["status"] == "success"


def _bad(folder: Path) -> list[str]:
    """Make eight files that cannot be read, each in its own way."""
    write_cases(folder, ["truncated.nrrd"], size=16)
    data = (folder / "truncated.nrrd").read_bytes()
    (folder / "truncated.nrrd").write_bytes(data[: len(data) // 2])
    (folder / "empty.nii.gz").write_bytes(b"")
    (folder / "text.mha").write_text("a letter to the doctor")
    (folder / "loop.nrrd").symlink_to("loop.nrrd")
    (folder / "circle").symlink_to(".")
    four = b"NRRD0004\ntype: uint8\ndimension: 4\nsizes: 2 2 2 2\nencoding: raw\n\n" + bytes(16)
    (folder / "four.nrrd").write_bytes(four)
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("slice.dcm", bytes(300 * 2**20), compresslevel=9)
    (folder / "nothing").mkdir()
    (folder / "nothing" / "a.dcm").write_bytes(b"no DICOM")
    bad = ["bomb.zip", "circle", "empty.nii.gz", "four.nrrd", "loop.nrrd", "nothing", "text.mha"]
    return [*bad, "truncated.nrrd"]


def test_bad_files_stop_nothing(tmp_path: Path) -> None:
    good = [f"{number % 3}/case{number:02}.nrrd" for number in range(32)]
    write_cases(tmp_path / "in", good)
    bad = _bad(tmp_path / "in")
    document = run(tmp_path)
    rows = {row["case"]: row for row in document["cases"]}
    assert sorted(rows) == sorted(good + bad)
    assert {name for name, row in rows.items() if row["status"] == "success"} == set(good)
    for name in bad:
        assert rows[name]["error_code"] == "bad_input", rows[name]
        assert rows[name]["error"]
        assert rows[name]["hint"]
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 40


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_stops_nothing(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", NAMES)
    (tmp_path / "in" / "a.nrrd").chmod(0)
    document = run(tmp_path)
    assert document["totals"]["statuses"] == {"error": 1, "success": 3}


def test_the_stop_is_obeyed_between_cases(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", [f"{number}.nrrd" for number in range(6)])
    asked: list[int] = []

    class Ear:
        def total(self, cases: int) -> None: ...
        def note(self, text: str) -> None: ...
        def stage(self, case: str, stage: str) -> None: ...
        def ended(self, outcome: object, earlier: bool) -> None:
            asked.append(1)

    document = batch(
        "toy", tmp_path / "in", tmp_path / "out", ToyOptions(delay=0.05),
        listener=Ear(), stop=lambda: len(asked) >= 2,
    )  # fmt: skip
    assert document["status"] == "interrupted"
    finished = document["totals"]["statuses"]["success"]
    assert 2 <= finished <= 4
    assert sorted(case for event, case in events(tmp_path) if event == "started") == done(tmp_path)
    assert run(tmp_path, ToyOptions(delay=0.05))["totals"]["earlier"] == finished
    assert done(tmp_path) == [f"{number}.nrrd" for number in range(6)]


def test_a_journal_that_cannot_be_kept_ends_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cases(tmp_path / "in", [f"{number}.nrrd" for number in range(6)])
    real = os.fsync

    def full(descriptor: int) -> None:
        if (tmp_path / "out" / "2_result.json").exists():
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space"):
        run(tmp_path, ToyOptions(delay=0.05))
    monkeypatch.undo()
    assert run(tmp_path, ToyOptions(delay=0.05))["status"] == "success"


def test_what_killed_runs_left_is_swept_away(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", NAMES)
    for left in (tmp_path / "out" / ".skullfix-x", tmp_path / "out" / "sub" / ".skullfix-y"):
        left.mkdir(parents=True)
        (left / "half.nrrd").write_bytes(b"")
    (tmp_path / "out" / ".summary.json.0.tmp").write_bytes(b"")
    run(tmp_path)
    assert not list((tmp_path / "out").rglob(".skullfix-*"))
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_at_most_three_cases_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gc

    write_cases(tmp_path / "in", [f"{number}.nrrd" for number in range(8)])
    most = [0]
    import batch_toy

    real = batch_toy.compute

    def compute(case: Any, model: Any) -> Any:
        gc.collect()
        alive = [o for o in gc.get_objects() if type(o) is Volume and o.geometry.size == (4, 4, 4)]
        most[0] = max(most[0], len(alive))
        return real(case, model)

    from dataclasses import replace

    from skullfix.tasks.batch.registry import TASKS

    monkeypatch.setitem(TASKS, "toy", replace(TASKS["toy"], compute=compute))
    run(tmp_path, ToyOptions(delay=0.05))
    assert most[0] <= 4  # one read ahead, one in hand, one of two volumes written behind


def test_no_process_is_started(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", NAMES)
    seen: list[int] = []

    class Ear:
        def total(self, cases: int) -> None: ...
        def note(self, text: str) -> None: ...
        def stage(self, case: str, stage: str) -> None:
            seen.append(len(psutil.Process().children(recursive=True)))

        def ended(self, outcome: object, earlier: bool) -> None: ...

    before = len(psutil.Process().children(recursive=True))
    batch("toy", tmp_path / "in", tmp_path / "out", ToyOptions(), listener=Ear())
    assert seen
    assert set(seen) == {before}


@pytest.mark.parametrize(
    "cluster",
    [ClusterSettings("tcp://127.0.0.1:1", 2), ClusterSettings(), ClusterSettings(None, -1)],
)
def test_cluster_settings_that_cannot_be_obeyed(cluster: ClusterSettings, tmp_path: Path) -> None:
    write_cases(tmp_path / "in", NAMES)
    with pytest.raises(UsageError):
        run(tmp_path, cluster=cluster)
    assert not (tmp_path / "out").exists()


def test_without_dask_a_cluster_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skullfix.tasks.batch.cluster.find_spec", lambda name: None)
    write_cases(tmp_path / "in", NAMES)
    with pytest.raises(UsageError, match="Dask") as caught:
        run(tmp_path, cluster=ClusterSettings(workers=2))
    assert "skullfix[cluster]" in caught.value.hint


def test_names_that_a_spreadsheet_or_a_browser_would_obey(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", ["=1+1.nrrd", "<b>&'\".nrrd"])
    run(tmp_path)
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        assert [row["case"] for row in csv.DictReader(file)] == ["<b>&'\".nrrd", "'=1+1.nrrd"]
    page = (tmp_path / "out" / "summary.html").read_text()
    assert "<b>" not in page
    assert "%3Cb%3E" in page


def test_a_name_that_no_disk_takes_is_one_failure(tmp_path: Path) -> None:
    write_cases(tmp_path, ["a.nrrd"])
    (tmp_path / "list.txt").write_text(f"a.nrrd\n{'x' * 5000}.nrrd\n")
    document = batch("toy", tmp_path / "list.txt", tmp_path / "out", ToyOptions())
    assert document["totals"]["statuses"] == {"error": 1, "success": 1}


def test_a_large_volume_is_the_same_as_alone(tmp_path: Path) -> None:
    geometry = Geometry(
        (40, 30, 20), (0.5, 0.5, 1.0), (1.0, 2.0, 3.0), (0, 1, 0, 1, 0, 0, 0, 0, -1)
    )
    array = np.arange(24000, dtype=np.int16).reshape(20, 30, 40)
    (tmp_path / "in").mkdir()
    write_volume(Volume(array, geometry), tmp_path / "in" / "x.nrrd")
    write_volume(Volume(array * 2, geometry), tmp_path / "alone.nrrd")
    run(tmp_path)
    assert (tmp_path / "out" / "x_product.nrrd").read_bytes() == (
        tmp_path / "alone.nrrd"
    ).read_bytes()
