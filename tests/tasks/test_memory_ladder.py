"""Work that does not fit is done on the head alone, or refused with the numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from skullfix.errors import MemoryLimitError
from skullfix.images.phantom import head_phantom
from skullfix.images.read import Scan, read_scan
from skullfix.images.room import LIMIT_VARIABLE
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.tasks.complete import CompleteOptions, complete, compute_case, read_case
from skullfix.tasks.document import Stopwatch
from skullfix.tasks.headroom import is_out_of_memory, make_room, narrowed, on_whole_grid
from skullfix.tasks.model import load_model


def leave(monkeypatch: pytest.MonkeyPatch, megabytes: float) -> None:
    held = psutil.Process().memory_info().rss
    monkeypatch.setenv(LIMIT_VARIABLE, str((held + megabytes * 1e6) / 1e9))


@pytest.fixture(scope="module")
def skull() -> Volume:
    """A phantom's defective skull in the corner of a grid of 48 million voxels."""
    phantom = head_phantom(spacing=(2.0, 2.0, 2.0))
    part = phantom.bone.array & ~phantom.implant.array
    array = np.zeros((300, 400, 400), np.uint8)
    array[: part.shape[0], 20 : 20 + part.shape[1], 7 : 7 + part.shape[2]] = part
    old = phantom.bone.geometry
    return Volume(array, Geometry((400, 400, 300), old.spacing, (3.5, -7.0, 11.0), old.direction))


def test_what_fits_is_left_whole(skull: Volume) -> None:
    scan = Scan(skull, "nrrd", ".nrrd", "head", ())
    place = make_room(scan, "mask")
    assert place.scan is scan
    assert place.steps == ()
    assert place.needed_bytes == 350_000_000 + 6 * skull.array.size
    assert on_whole_grid(skull, place) is skull


def test_a_head_in_a_large_grid_is_cropped_and_put_back(
    skull: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 570)
    place = make_room(Scan(skull, "nrrd", ".nrrd", "head", ()), "mask")
    assert place.scan.volume.array.size < 0.1 * skull.array.size
    assert "cropped to the head" in place.steps[0]
    assert "GB" in place.steps[0]
    back = on_whole_grid(Volume(place.scan.volume.array > 0, place.scan.volume.geometry), place)
    assert back.geometry == skull.geometry
    np.testing.assert_array_equal(back.array, skull.array > 0)


def test_what_does_not_fit_at_all_is_refused_with_the_numbers(
    skull: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 100)
    with pytest.raises(MemoryLimitError, match=r"0\.64 GB.*cropped to the head.*GB are free") as e:
        make_room(Scan(skull, "nrrd", ".nrrd", "head", ()), "mask")
    assert e.value.exit_code == 5
    assert e.value.hint


def test_there_is_no_step_below_the_head(skull: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, 570)
    place = make_room(Scan(skull, "nrrd", ".nrrd", "head", ()), "mask")
    with pytest.raises(MemoryLimitError, match="The head alone"):
        narrowed(place, "mask")


def test_a_ct_is_cropped_to_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    ct = head_phantom(spacing=(2.5, 2.5, 2.5)).ct
    array = np.full((ct.array.shape[0], 500, 500), -1000, np.int16)
    array[:, 100 : 100 + ct.array.shape[1], 200 : 200 + ct.array.shape[2]] = ct.array
    old = ct.geometry
    size = (500, 500, old.size[2])
    scan = Scan(
        Volume(array, Geometry(size, old.spacing, old.origin, old.direction)), "nrrd", "", "", ()
    )
    leave(monkeypatch, 430)
    place = make_room(scan, "ct")
    assert place.steps
    part = place.scan.volume.array
    assert np.count_nonzero(part > 150) > 0.97 * np.count_nonzero(ct.array > 150)
    assert part.size < 1.3 * ct.array.size


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (
            RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"),
            True,
        ),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_memory_are_known(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_a_real_refusal_of_the_allocator_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)


def test_the_whole_task_goes_down_the_ladder_and_says_so(
    skull: Volume, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_volume(skull, tmp_path / "head.nrrd")
    options = CompleteOptions(report=False)
    model = load_model(None, "auto")
    free = complete(tmp_path / "head.nrrd", tmp_path / "free", options, model=model)
    assert free.document["memory"]["steps"] == []
    told: list[str] = []
    leave(monkeypatch, 650)
    tight = complete(
        tmp_path / "head.nrrd", tmp_path / "tight", options, model=model,
        progress=lambda stage, _: told.append(stage),
    )  # fmt: skip
    steps = tight.document["memory"]["steps"]
    assert len(steps) == 1
    assert steps[0] in told
    assert steps[0] in tight.document["warnings"]
    assert tight.implant.geometry == skull.geometry
    np.testing.assert_array_equal(tight.implant.array, free.implant.array)
    for name in ("head_implant.nrrd", "head_complete.nrrd"):
        assert (tmp_path / "free" / name).read_bytes() == (tmp_path / "tight" / name).read_bytes()
    assert read_scan(tmp_path / "tight" / "head_implant.nrrd").volume.geometry == skull.geometry


class FailsOnce(torch.nn.Module):
    """A network whose device has no room at its first call."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.config, self.calls = inner, inner.config, 0

    def forward(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return self.inner(*arguments, **options)


def test_memory_that_runs_out_on_the_way_goes_down_the_ladder_too(
    skull: Volume, tmp_path: Path
) -> None:
    write_volume(skull, tmp_path / "head.nrrd")
    options = CompleteOptions(report=False)
    model = load_model(None, "auto")
    failing: Any = FailsOnce(model.network)
    case = read_case(tmp_path / "head.nrrd", tmp_path / "out", options, Stopwatch(None))
    assert case.place.steps == ()
    result = compute_case(case, replace(model, network=failing))
    assert result.status == "success"
    assert "cropped to the head" in result.document["memory"]["steps"][0]
    assert result.implant.geometry == skull.geometry
