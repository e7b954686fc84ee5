"""Work that does not fit is done with less, step by step, or refused with the numbers."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from skullfix.errors import MemoryLimitError
from skullfix.evaluation.metrics import dice
from skullfix.images.phantom import head_phantom
from skullfix.images.read import read_scan
from skullfix.images.room import LIMIT_VARIABLE
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.tasks import complete_case, headroom, predict
from skullfix.tasks.complete import CompleteResult, complete, compute_case
from skullfix.tasks.complete_case import read_case
from skullfix.tasks.complete_options import CompleteOptions
from skullfix.tasks.document import Stopwatch
from skullfix.tasks.headroom import make_room, narrowed, on_whole_grid
from skullfix.tasks.ladder import RUNGS, Load, RungName
from skullfix.tasks.model import Model, load_model

SPACING = (0.6, 2.4, 2.4)
NO_REPORT = CompleteOptions(report=False)


def placed(array: np.ndarray, margin: int, fill: int) -> Volume:
    """Put a head into the corner of a larger grid."""
    shape = (array.shape[0] + margin, array.shape[1] + margin, array.shape[2] + 25)
    whole = np.full(shape, fill, array.dtype)
    low = (3, 10, 17)
    whole[tuple(slice(a, a + n) for a, n in zip(low, array.shape, strict=True))] = array
    direction = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    return Volume(whole, Geometry(shape[::-1], SPACING, (3.5, -7.0, 11.0), direction))


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A phantom with a hole, as a CT and as a mask, each in a much larger grid; the files."""
    phantom = head_phantom(spacing=SPACING)
    part = (phantom.bone.array & ~phantom.implant.array).astype(np.uint8)
    folder = tmp_path_factory.mktemp("heads")
    files = {"ct": folder / "ct.nrrd", "mask": folder / "mask.nrrd"}
    write_volume(placed(phantom.ct.array, 30, -1000), files["ct"])
    write_volume(placed(part, 110, 0), files["mask"])
    return files


@pytest.fixture(scope="module", autouse=True)
def one_view() -> Iterator[None]:
    """One view is enough here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "VIEWS", predict.VIEWS[:1])
        yield


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(None, "auto")


@pytest.fixture(scope="module")
def free(
    one_view: None,
    heads: dict[str, Path],
    model: Model,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, CompleteResult]:
    """What comes out where memory is no matter."""
    folder = tmp_path_factory.mktemp("free")
    return {k: complete(path, folder, NO_REPORT, model=model) for k, path in heads.items()}


def load_of(scan: Volume, kind: str) -> Load:
    """What the memory of a scan depends on, its head found."""
    return narrowed(make_room(scan, kind)[0], scan)[0].load


def leave(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the ladder find so many bytes free beside a scan."""
    monkeypatch.setattr(headroom, "free_bytes", lambda: count)


@pytest.mark.parametrize("kind", ["ct", "mask"])
@pytest.mark.parametrize("part", [1.0, 0.3, 0.1])
@pytest.mark.parametrize("voxel", [0.05, 0.5, 2.0])
def test_no_rung_takes_more_than_the_one_above(kind: str, part: float, voxel: float) -> None:
    load = Load(kind, 2, 10**8, int(part * 10**8), voxel)
    needs = [load.needs(rung) for rung in RUNGS if part < 1 or rung != "head"]
    assert needs == sorted(needs, reverse=True)


def test_what_fits_is_left_whole(heads: dict[str, Path]) -> None:
    scan = read_scan(heads["mask"]).volume
    place, worked = make_room(scan, "mask")
    assert worked is scan
    assert place.steps == ()
    assert place.rung == "whole"
    assert on_whole_grid(scan, place) is scan


@pytest.mark.parametrize("kind", ["ct", "mask"])
def test_a_head_in_a_large_grid_is_cropped_and_put_back(
    heads: dict[str, Path], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    scan = read_scan(heads[kind]).volume
    load = make_room(scan, kind)[0].load
    leave(monkeypatch, load.needs("whole") - scan.array.nbytes - 1)
    place, part = make_room(scan, kind)
    assert place.rung == "head"
    assert "cropped to the head" in place.steps[0]
    assert "GB" in place.steps[0]
    assert part.array.size == place.load.part < 0.85 * scan.array.size
    inside = 150 if kind == "ct" else 1
    back = on_whole_grid(Volume(part.array >= inside, part.geometry), place)
    assert back.geometry == scan.geometry
    lost = (scan.array >= inside) & ~back.array  # of the CT: the headrest
    assert np.count_nonzero(lost) <= (0.03 * np.count_nonzero(back.array) if kind == "ct" else 0)


def test_a_limit_of_the_users_is_obeyed(
    heads: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = read_scan(heads["mask"]).volume
    held = psutil.Process().memory_info().rss
    monkeypatch.setenv(LIMIT_VARIABLE, str((held + 50e6) / 1e9))
    with pytest.raises(MemoryLimitError) as caught:
        make_room(scan, "mask", report=True)
    assert caught.value.exit_code == 5
    assert "--no-report" in caught.value.hint
    for words in ("GB of memory whole", "cropped to the head", "on a grid of 0.9 mm"):
        assert words in caught.value.message
    assert len(re.findall(r"\d [GM]B", caught.value.message)) == 4  # of each rung, and what is free


@pytest.mark.parametrize(
    ("kind", "rung"),
    [("ct", "head"), ("ct", "regions"), ("ct", "coarser"), ("mask", "coarser")],
)
def test_every_rung_gives_the_implant(
    heads: dict[str, Path],
    free: dict[str, CompleteResult],
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
    rung: RungName,
) -> None:
    scan = read_scan(heads[kind]).volume
    leave(monkeypatch, load_of(scan, kind).needs(rung) - scan.array.nbytes)
    told: list[str] = []
    got = complete(
        heads[kind], tmp_path, CompleteOptions(report=False, save_bone=True),
        model=model, progress=lambda stage, _: told.append(stage),
    )  # fmt: skip
    steps = got.document["memory"]["steps"]
    assert steps
    assert all(step in told and step in got.document["warnings"] for step in steps)
    whole = free[kind]
    assert got.implant.geometry == whole.implant.geometry == scan.geometry
    assert not (got.implant.array & got.bone.array).any()
    assert read_scan(tmp_path / f"{kind}_implant.nrrd").volume.geometry == scan.geometry
    if kind == "mask":
        np.testing.assert_array_equal(got.bone.array, whole.bone.array)
    assert dice(got.bone.array, whole.bone.array) > 0.99
    assert dice(got.implant.array, whole.implant.array) > (0.9 if rung == "coarser" else 0.97)
    assert got.document["implant"]["watertight"]


class Fails(torch.nn.Module):
    """A network whose device has no room at its first calls."""

    def __init__(self, inner: Any, times: int) -> None:
        super().__init__()
        self.inner, self.config, self.times = inner, inner.config, times

    @property
    def device(self) -> torch.device:
        """Where the network within lies."""
        return self.inner.device

    def forward(self, *arguments: Any, **options: Any) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return self.inner(*arguments, **options)


def failing(model: Model, times: int) -> Model:
    network: Any = Fails(model.network, times)
    return replace(model, network=network)


def test_memory_that_runs_out_on_the_way_goes_down_the_ladder_too(
    heads: dict[str, Path], free: dict[str, CompleteResult], model: Model, tmp_path: Path
) -> None:
    case = read_case(heads["mask"], tmp_path, NO_REPORT, Stopwatch(None))
    assert case.place.steps == ()
    got = compute_case(case, failing(model, 2))
    assert ["cropped" in s for s in got.document["memory"]["steps"]] == [True, False]
    assert got.document["device"] == "cpu"
    assert dice(got.implant.array, free["mask"].implant.array) > 0.9
    np.testing.assert_array_equal(got.bone.array, free["mask"].bone.array)


def test_below_the_last_rung_there_is_an_error_with_the_numbers(
    heads: dict[str, Path], model: Model, tmp_path: Path
) -> None:
    case = read_case(heads["mask"], tmp_path, NO_REPORT, Stopwatch(None))
    with pytest.raises(MemoryLimitError, match=r"GB of memory on a grid of 0.9 mm; .* GB") as e:
        compute_case(case, failing(model, 99))
    assert e.value.exit_code == 5


def test_memory_that_runs_out_on_a_gpu_moves_the_network_to_the_processor(
    heads: dict[str, Path], free: dict[str, CompleteResult], model: Model, tmp_path: Path
) -> None:
    network: Any = Fails(copy.deepcopy(model.network), 99).to("meta")
    there = replace(model, network=network)
    assert there.device == "meta"
    case = read_case(heads["mask"], tmp_path, NO_REPORT, Stopwatch(None))
    got = compute_case(case, there)
    assert got.document["device"] == "cpu"
    assert got.document["memory"]["steps"] == [
        "The network ran on the CPU, because the memory of meta ran out."
    ]
    np.testing.assert_array_equal(got.implant.array, free["mask"].implant.array)


def test_bone_that_does_not_fit_is_taken_with_less(
    heads: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_room(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(complete_case, "extract_bone", no_room)
    case = read_case(heads["ct"], tmp_path, NO_REPORT, Stopwatch(None))
    assert case.place.rung == "regions"
    assert len(case.place.steps) == 2
