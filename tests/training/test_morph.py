"""Heads between two heads: the way there and back, and registration of known shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skulls import case

from skullfix.images.midplane import Plane
from skullfix.training.augment import NO_WARP, Head, random_warp, sample_head
from skullfix.training.heads import Heads
from skullfix.training.morph import Shape, Shapes
from skullfix.training.population import Case
from skullfix.training.register import register_heads

BOX = np.array([60.0, 80.0, 70.0])


def silent(stage: str, fraction: float) -> None:
    """Show no progress."""


def scaled(scale: float, centre: tuple[float, float, float], plane: Plane | None = None) -> Shape:
    """A head that is the template, scaled about its centre."""
    grid = np.stack(np.meshgrid(*[np.arange(-100, 101, 20.0)] * 3, indexing="ij")[::-1])
    field = torch.from_numpy(((scale - 1) * grid).astype(np.float32))
    return Shape(np.asarray(centre), -scale * BOX, scale * BOX, field, plane)


def two(first: float, second: float) -> Shapes:
    shapes = [scaled(first, (5.0, -3.0, 40.0)), scaled(second, (-70.0, 20.0, 9.0))]
    return Shapes(shapes, np.full(3, -100.0), 20.0)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.85, 1.15), st.floats(0.85, 1.15), st.floats(0, 1), st.integers(0, 99))
def test_scaled_heads_correspond_by_their_scales(
    first: float, second: float, share: float, seed: int
) -> None:
    morph = two(first, second).between(0, 1, share)
    offset = np.random.default_rng(seed).uniform(-70, 70, (3, 5, 3))
    found = morph.source_points(offset + morph.source.centre) - morph.source.centre
    wanted = offset * (1 + share * (first / second - 1))
    np.testing.assert_allclose(found, wanted, atol=0.02)
    low, high = morph.bounds()
    middle = (1 - share) * first + share * second
    np.testing.assert_allclose(high - low, 2 * middle * BOX + 10)


def test_a_plane_in_between() -> None:
    planes = [Plane((7.0, 0.0, 0.0), (1.0, 0.0, 0.0)), Plane((-72.0, 0.0, 0.0), (1.0, 0.0, 0.0))]
    shapes = two(1.0, 1.0)
    known = [replace(s, plane=p) for s, p in zip(shapes.shapes, planes, strict=True)]
    found = replace(shapes, shapes=known).between(0, 1, 0.5).plane()
    assert found is not None
    assert found.point[0] == pytest.approx(5.0 + (2.0 - 2.0) / 2)
    assert shapes.between(0, 1, 0.5).plane() is None


def extents(head: Head) -> np.ndarray:
    """Size of a head's bone in mm, (z, y, x)."""
    rows = head.rows[head.skull > 0.5]
    return (rows.amax(0) - rows.amin(0) + 1).numpy() * head.grid.spacing[0]


def test_a_registered_ball_takes_the_size_of_another(tmp_path: Path) -> None:
    cases: list[Case] = [replace(case(r), name=f"ball{r}") for r in (33, 35, 38)]
    shapes = register_heads(cases, tmp_path, silent)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    before = [file.stat().st_mtime_ns for file in files]
    again = register_heads(cases, tmp_path, silent)
    assert before == [file.stat().st_mtime_ns for file in sorted(tmp_path.iterdir())]
    for one, other in zip(shapes.shapes, again.shapes, strict=True):
        assert torch.equal(one.field, other.field)
    plain = [extents(sample_head(c, 2.0)) for c in cases]
    for share in (0.0, 0.5, 1.0):
        warp = replace(NO_WARP, morph=shapes.between(0, 2, share))
        head = sample_head(cases[0], 2.0, warp)
        wanted = (1 - share) * plain[0] + share * plain[2]
        np.testing.assert_allclose(extents(head), wanted, atol=2.5)
        assert 0 < float(head.implant.sum()) < float(head.skull.sum())


def test_a_share_of_the_heads_is_morphed(tmp_path: Path) -> None:
    cases = [replace(case(r), name=f"ball{r}") for r in (34, 38)]
    shapes = register_heads(cases, tmp_path, silent)
    none = [Heads(cases, 5.0, 3, shapes, 0.0).get(slot, 0) for slot in range(4)]
    every = [Heads(cases, 5.0, 3, shapes, 1.0).get(slot, 0) for slot in range(4)]
    twice = [Heads(cases, 5.0, 3, shapes, 1.0).get(slot, 0) for slot in range(4)]
    assert all(torch.equal(a.skull, b.skull) for a, b in zip(every, twice, strict=True))
    assert any(a.grid != b.grid for a, b in zip(none, every, strict=True))


def test_a_morphed_head_bends_less() -> None:
    morph = two(1.0, 1.1).between(0, 1, 0.5)
    plain, morphed = (
        [random_warp(np.random.default_rng(s), m).bend_mm.abs().mean() for s in range(20)]
        for m in (None, morph)
    )
    assert all(a > b for a, b in zip(plain, morphed, strict=True))
