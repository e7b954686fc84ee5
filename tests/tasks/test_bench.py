"""The benchmark: what it measures, how it tells, what it does with engines that are not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from skullfix.cli.main import run
from skullfix.errors import UsageError
from skullfix.sparse.cuda.available import missing
from skullfix.tasks.bench import ENGINES, Row, bench, installed
from skullfix.tasks.bench_figure import NAMES, write_figure
from skullfix.tasks.bench_growth import growth
from skullfix.tasks.bench_input import spacing_of, write_voxels


def test_rows_of_an_engine_and_of_one_that_is_absent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    absent = {engine: ("not installed", None) for engine in ENGINES if not installed(engine)}
    if missing():
        absent["cuda"] = ("not available", missing())
    engines = ",".join(["cpu", *absent])
    words = ["bench", "--resolutions", "64", "--engines", engines, "--runs", "3"]
    assert run([*words, "--threads", "1", "-o", str(tmp_path), "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    mine, *others = document["rows"]
    assert mine["status"] == "measured"
    assert (mine["engine"], mine["resolution"], mine["phase"]) == ("cpu", 64, "forward")
    assert mine["voxels"] > 5000
    assert len(mine["seconds"]) == 3
    assert len(mine["cpu_seconds"]) == 3
    assert all(second > 0 for second in mine["seconds"])
    assert 50e6 < mine["peak_rss_bytes"] < 2e9
    assert {row["engine"]: (row["status"], row.get("error")) for row in others} == absent
    assert all(row["seconds"] == [] for row in others)
    assert document["machine"]["cores"]
    for kind, path in document["outputs"].items():
        assert Path(path).read_bytes()[:5] == {"png": b"\x89PNG\r", "svg": b"<?xml"}[kind]


def test_a_worker_that_fails_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skullfix.tasks.bench.sys.executable", "/bin/false")
    (row,) = bench([64], ["cpu"], runs=1)
    assert row.status == "failed"
    assert row.error == "exit code 1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engines", "cpu,warp"], "warp"),
        (["--resolutions", "64,100"], "100"),
        (["--resolutions", "fine"], "fine"),
        (["--phase", "sleep"], "sleep"),
        (["--channels", "ch3"], "ch3"),
    ],
)
def test_what_it_cannot_measure(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", *words]) == UsageError.exit_code
    assert said in capsys.readouterr().err


def test_grids_are_named_by_their_size() -> None:
    assert [spacing_of(n) for n in (64, 128, 256, 512)] == [3.6, 1.8, 0.9, 0.45]


def test_voxels_of_the_phantom_are_sorted(tmp_path: Path) -> None:
    count = write_voxels(64, None, tmp_path / "v.npy")
    rows = np.load(tmp_path / "v.npy")
    assert rows.shape == (count, 3)
    assert rows.dtype == np.int16
    assert [tuple(r) for r in rows] == sorted({tuple(r) for r in rows})


def test_figures(tmp_path: Path) -> None:
    rows = [
        Row("cpu", 64, 9000, "forward", "measured", 2, (0.1, 0.2), (0.1, 0.2), 9.0, 300_000_000),
        Row("cuda", 64, 9000, "train", "measured", 2, (0.1,), (0.1,), 9.0, None, 1_000_000),
        Row("dense", 64, 9000, "forward", "not installed"),
    ]
    paths = {kind: tmp_path / f"bench{ending}" for kind, ending in NAMES.items()}
    assert write_figure(rows[2:], paths) == ("no figure: nothing could be measured",)
    assert not list(tmp_path.iterdir())
    pytest.importorskip("matplotlib")
    assert write_figure(rows, paths) == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.png", "bench.svg"]


def test_a_figure_in_the_way_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "bench.svg").write_text("mine")
    words = ["bench", "--resolutions", "8192", "--engines", "cpu", "-o", str(tmp_path)]
    assert run(words) == 6
    assert (tmp_path / "bench.svg").read_text() == "mine"


@pytest.mark.parametrize("grids", ["", "64,", "-64", "6.4", "²"])
def test_what_is_no_list_of_grids_is_refused(
    grids: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", "--resolutions", grids]) == 2
    assert "no list of grids" in capsys.readouterr().err


def test_growth_is_the_exponent() -> None:
    def row(engine: str, voxels: int, seconds: float, memory: int, phase: str = "forward") -> Row:
        times = (seconds, seconds, 9 * seconds)
        return Row(engine, 64, voxels, phase, "measured", 2, (7.0,) * 3, times, 9.0, memory)

    rows = [row("cpu", n, 3e-7 * n, 500 * n) for n in (8_000, 64_000, 512_000)]
    rows += [row("dense", n, 1e-9 * n**1.5, 10**6, "train") for n in (64_000, 8_000)]
    rows += [row("reference", 8_000, 1.0, 1), Row("spconv", 64, 8_000, "forward", "not installed")]
    cpu, dense = growth(rows)
    assert (cpu.engine, cpu.phase, dense.engine, dense.phase) == (
        "cpu",
        "forward",
        "dense",
        "train",
    )
    assert (cpu.time, cpu.time_at_end, cpu.memory, cpu.memory_at_end) == (1, 1, 1, 1)
    assert (dense.time, dense.memory) == (1.5, 0)
    assert "time grows as voxels^1.50" in str(dense)
    gpu = [
        Row("cuda", 64, n, "forward", "measured", 1, (n**2.0,), (1.0,), 1.0, None, n)
        for n in (10, 100)
    ]
    assert (growth(gpu)[0].time, growth(gpu)[0].memory) == (2, 1)
