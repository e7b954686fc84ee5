from __future__ import annotations

import numpy as np
import pytest
from shells import hole, population, radius

from skullfix.vault import expect
from skullfix.vault.directions import vault_directions
from skullfix.vault.expect import expected


def _head(axes: tuple[float, float, float], thickness: float) -> np.ndarray:
    outer = radius(axes, vault_directions())
    return np.stack([outer, outer - thickness])


def test_a_new_head_of_the_population_is_foretold_much_better_than_by_the_mean() -> None:
    head, hidden = _head((73.0, 82.0, 78.0), 5.5), hole()
    seen = np.where(hidden, np.nan, head)
    answer = expected(population(), seen, hidden)
    assert answer is not None
    assert np.isnan(answer.radii[:, ~hidden]).all()
    error = np.abs(answer.radii - head)[:, hidden]
    usual = np.abs(population().mean - head)[:, hidden]
    assert error.max() < 0.5
    assert error.mean() < 0.1 * usual.mean()
    assert answer.miss < 0.1


def test_it_is_the_conditional_mean_of_a_gaussian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expect, "_DOUBTED", np.inf)
    head, hidden = _head((68.0, 88.0, 73.0), 6.5), hole(0.3)
    head = head + np.random.default_rng(0).normal(0, 0.2, head.shape)
    answer = expected(population(), head, hidden)
    every = np.arange(2 * len(hidden))
    covariance = expect._Prior.of(population()).covariance(every, every)
    noisy = covariance + expect._NOISE_MM**2 * np.eye(len(covariance))
    known, new = (np.tile(rows, 2) for rows in (~hidden, hidden))
    off = (head - population().mean).reshape(-1)
    wanted = covariance[np.ix_(new, known)] @ np.linalg.solve(
        noisy[np.ix_(known, known)], off[known]
    )
    assert answer is not None
    found = (answer.radii - population().mean).reshape(-1)[new]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    # leaving one out, literally
    left_out, spread = expect._foretold_from_the_rest(noisy[np.ix_(known, known)], off[known])
    rest = np.flatnonzero(known)[1:]
    first = np.flatnonzero(known)[0]
    weights = np.linalg.solve(noisy[np.ix_(rest, rest)], covariance[rest, first])
    np.testing.assert_allclose(left_out[0], off[first] - weights @ off[rest], atol=1e-6)
    np.testing.assert_allclose(
        spread[0] ** 2, noisy[first, first] - weights @ covariance[rest, first], rtol=1e-6
    )


def test_dents_in_what_is_seen_are_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    head, hidden = _head((72.0, 84.0, 75.0), 6.0), hole()
    dented = head.copy()
    beside = hole(0.58) & ~hidden
    dented[0, np.flatnonzero(beside)[::6]] += 4.0

    def effect() -> float:
        plain, odd = (expected(population(), seen, hidden) for seen in (head, dented))
        assert plain is not None
        assert odd is not None
        return float(np.abs(odd.radii - plain.radii)[:, hidden].mean())

    doubting = effect()
    monkeypatch.setattr(expect, "_DOUBTED", np.inf)
    assert doubting < 0.5 * effect()


def test_the_same_head_gives_the_same_bytes() -> None:
    head = _head((73.0, 82.0, 78.0), 5.5)
    first, again = (expected(population(), head, hole()) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.radii.tobytes() == again.radii.tobytes()


def test_nothing_hidden_or_nothing_seen_is_no_question() -> None:
    head = _head((70.0, 86.0, 74.0), 6.0)
    none, every = np.zeros(len(vault_directions()), bool), np.ones(len(vault_directions()), bool)
    assert expected(population(), head, none) is None
    assert expected(population(), head, every) is None
    assert expected(population(), np.full_like(head, np.nan), hole()) is None
    assert expected(population(), head + 60, hole()) is None
