"""The state of a run: there and back, damaged, of other settings; the log after a kill."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from skullfix.errors import InputError
from skullfix.training.loop import _Log
from skullfix.training.settings import Settings
from skullfix.training.state import STATE_FILE, load_state, save_state, update_average

SETTINGS = Settings().to_dict()


def parts(seed: int, steps: int) -> tuple[Any, ...]:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average, optimizer = (
        copy.deepcopy(network),
        torch.optim.Adam(network.parameters(), amsgrad=True),
    )
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(5, 3)).square().sum().backward()
        optimizer.step()
        update_average(average, network, 0.5)
    return network, average, optimizer


def test_there_and_back(tmp_path: Path) -> None:
    before, after = parts(0, 3), parts(1, 0)
    save_state(tmp_path, 3, SETTINGS, *before)
    assert [p.name for p in tmp_path.iterdir()] == [STATE_FILE]
    assert load_state(tmp_path, SETTINGS, *after) == 3
    for old, new in zip(before[:2], after[:2], strict=True):
        for name, value in old.state_dict().items():
            assert torch.equal(value, new.state_dict()[name])
    for network, _, optimizer in (before, after):  # and both go on alike
        optimizer.zero_grad()
        network(torch.ones(5, 3).cumsum(0)).square().sum().backward()
        optimizer.step()
    assert torch.equal(before[0][0].weight, after[0][0].weight)


@pytest.mark.parametrize("change", [{"seed": 5}, {"rate": 0.1}, {"architecture": "implant-m"}])
def test_other_settings_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    save_state(tmp_path, 3, SETTINGS, *parts(0, 1))
    with pytest.raises(InputError, match=next(iter(change))) as caught:
        load_state(tmp_path, {**SETTINGS, **change}, *parts(0, 0))
    assert caught.value.hint


def test_a_run_from_before_a_setting_existed(tmp_path: Path) -> None:
    older = {name: value for name, value in SETTINGS.items() if name != "morph"}
    save_state(tmp_path, 3, older, *parts(0, 1))
    assert load_state(tmp_path, SETTINGS, *parts(0, 0)) == 3
    with pytest.raises(InputError, match=r"morph: 0\.0 then, 0\.5 now"):
        load_state(tmp_path, {**SETTINGS, "morph": 0.5}, *parts(0, 0))


@pytest.mark.parametrize("keep", [0, 7, 300, -1])
def test_a_damaged_state(tmp_path: Path, keep: int) -> None:
    save_state(tmp_path, 3, SETTINGS, *parts(0, 1))
    path = tmp_path / STATE_FILE
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="no run to resume"):
        load_state(tmp_path, SETTINGS, *parts(0, 0))


def test_the_average_moves_by_its_decay() -> None:
    network, average = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        network.weight.fill_(1.0)
        average.weight.fill_(0.0)
    update_average(average, network, 0.75)
    assert average.weight.item() == 0.25


def test_the_log_forgets_what_the_state_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = _Log(path, 0, lambda _: None)
    for step in (50, 100, 150):
        log.add(step, [1.0] * step, {"challenge": 0.5} if step == 100 else {})
    whole = path.read_text().splitlines()
    told: list[str] = []
    log = _Log(path, 100, told.append)
    assert path.read_text().splitlines() == whole[:3]
    log.add(150, [1.0] * 50, {})
    assert path.read_text().splitlines() == whole
    assert told == ["step 150: loss 1.0000"]
