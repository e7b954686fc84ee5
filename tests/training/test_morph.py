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
from skullfix.training.morph import Morph, Shape, Shapes
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


def way(shapes: Shapes, share: float) -> Morph:
    """From the first of two heads to the second."""
    return shapes.towards(0, shapes.shapes[1], share)


@settings(max_examples=30)
@given(st.floats(0.85, 1.15), st.floats(0.85, 1.15), st.floats(0, 1), st.integers(0, 99))
def test_scaled_heads_correspond_by_their_scales(
    first: float, second: float, share: float, seed: int
) -> None:
    morph = way(two(first, second), share)
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
    found = way(replace(shapes, shapes=known), 0.5).plane()
    assert found is not None
    assert found.point[0] == pytest.approx(5.0 + (2.0 - 2.0) / 2)
    assert way(shapes, 0.5).plane() is None


def test_a_mixture_of_one_head_is_that_head() -> None:
    plane = Plane((7.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    alone = Shapes([scaled(1.1, (5.0, -3.0, 40.0), plane)], np.full(3, -100.0), 20.0)
    mixed = alone.mixture(np.random.default_rng(4))
    np.testing.assert_allclose(mixed.field, alone.shapes[0].field, atol=1e-4)
    np.testing.assert_allclose(mixed.high - mixed.low, 2.2 * BOX)
    assert mixed.plane is not None
    np.testing.assert_allclose(mixed.plane.point, (2.0, 0.0, 0.0), atol=1e-9)
    found = alone.towards(0, mixed, 0.7)
    points = np.random.default_rng(0).uniform(-60, 60, (40, 3))
    np.testing.assert_allclose(found.source_points(points), points, atol=0.02)


def test_mixtures_vary_from_place_to_place_and_reach_beyond_the_heads() -> None:
    shapes = two(0.9, 1.1)
    rng = np.random.default_rng(1)
    grid = scaled(2.0, (0.0, 0.0, 0.0)).field  # the points themselves
    away = grid.abs() > 50
    scales = [(shapes.mixture(rng).field / grid)[away] for _ in range(40)]  # -0.1 to 0.1 of a head
    assert all(float(s.max() - s.min()) > 1e-3 for s in scales if float(s.abs().max()) < 0.099)
    every = torch.cat(scales)
    assert float(every.max()) > 0.1 or float(every.min()) < -0.1
    assert float(every.abs().max()) < 0.4
    for number in range(3):  # the same on both sides
        side = shapes.mixture(np.random.default_rng(number)).field
        torch.testing.assert_close(side[0], -side[0].flip(-1), atol=1e-4, rtol=0)


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
        warp = replace(NO_WARP, morph=shapes.towards(0, shapes.shapes[2], share))
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
    morph = way(two(1.0, 1.1), 0.5)
    plain, morphed = (
        [random_warp(np.random.default_rng(s), m).bend_mm.abs().mean() for s in range(20)]
        for m in (None, morph)
    )
    assert all(a > b for a, b in zip(plain, morphed, strict=True))
