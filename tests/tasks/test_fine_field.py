"""A field on the grid wanted: finer by interpolation, coarser by means, at the same place."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from skullfix.errors import MemoryLimitError
from skullfix.images.regrid import regrid
from skullfix.images.room import LIMIT_VARIABLE
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks import fine
from skullfix.tasks.fine import CUT, VIEWS, field_on, fine_field, views_of
from skullfix.tasks.model import load_model

LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
GRID = Geometry((16, 12, 24), (1.0, 1.0, 1.0), (3.0, -4.0, 5.0), LPS)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (4.0, 1.0, 3.0)])
def test_a_coarser_grid_gets_the_mean_of_its_voxels(spacing: tuple[float, float, float]) -> None:
    field = Volume(np.random.default_rng(0).random(GRID.shape, np.float32), GRID)
    target = regrid(GRID, spacing)
    part, where = field_on(field, target)
    x, y, z = (round(s) for s in spacing)
    depth, height, width = target.shape
    means = field.array.reshape(depth, z, height, y, width, x).mean((1, 3, 5))
    assert where is not None
    result = np.zeros(target.shape, np.float32)
    result[where] = part.array
    np.testing.assert_allclose(result, means, atol=1e-4)


def test_a_finer_grid_keeps_the_middle_where_it_is() -> None:
    values = np.zeros(GRID.shape, np.float32)
    values[10:14, 4:8, 6:11] = 1
    part, where = field_on(Volume(values, GRID), regrid(GRID, (0.5, 0.5, 0.5)))
    assert where is not None
    rows = np.argwhere(part.array > 0.5) + [s.start for s in where]
    np.testing.assert_allclose(rows.mean(0) / 2 - 0.25, [11.5, 5.5, 8.0], atol=0.05)


def test_a_shape_turned_round_gets_its_answer_turned_round() -> None:
    model = load_model(None, "auto", None, task="refine")
    z, y, x = np.ogrid[:10, :14, :12]
    body = (z - 4) ** 2 / 9 + (y - 6) ** 2 / 25 + (x - 4) ** 2 / 16 <= 1
    body |= (abs(z - 5) < 2) & (abs(y - 9) < 3) & (x > 3) & (x < 11)
    grid = Geometry((12, 14, 10), (4.5, 4.5, 4.5), (0.0, 0.0, 0.0), LPS)
    answer = fine_field(Volume(body, grid), model, 3).array
    assert 0.5 * body.sum() * 27 < (answer >= CUT).sum() < 1.5 * body.sum() * 27
    for axes in VIEWS[1:]:
        turned = fine_field(Volume(np.flip(body, axes), grid), model, 3).array
        np.testing.assert_allclose(np.flip(turned, axes), answer, atol=1e-3)


def test_the_larger_the_grid_the_fewer_the_views() -> None:
    counts = [len(views_of(voxels)) for voxels in (1, 5_000_000, 5_000_001, 16_000_001)]
    assert counts == [4, 4, 2, 1]


def test_a_network_that_memory_does_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0.001")  # less than is held already: nothing is free
    mask = Volume(np.ones(GRID.shape, bool), GRID)
    with pytest.raises(
        MemoryLimitError, match=r"The network on [\d,]+ voxels .* 0 MB are"
    ) as error:
        fine_field(mask, load_model(None, "auto", task="upscale"), 2)
    assert error.value.hint


@pytest.mark.parametrize("channels", [32, 4096])
def test_nothing_is_kept_beside_a_large_network(
    monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    told: list[int] = []
    monkeypatch.setattr(fine, "require_bytes", lambda needed, what: told.append(needed))
    monkeypatch.setattr(fine, "keep_nothing", lambda: told.append(0))
    network = SimpleNamespace(config=SimpleNamespace(channels=(channels, 8)))
    fine._make_room(30_000, SimpleNamespace(network=network))
    assert told == [30_000 * channels * 20, 0][: 1 if channels == 32 else 2]
