"""The mid-sagittal plane and the mirror image, against sampling by SciPy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from skullfix.images.midplane import Plane, midsagittal_plane, with_mirror_image
from skullfix.images.resample import LPS_AXES, splat
from skullfix.images.volume import Geometry

GRID = Geometry((40, 44, 36), (1.8,) * 3, (-30.0, 12.0, -50.0), LPS_AXES)


def _plane(yaw: float = 6.0, roll: float = -4.0, shift: float = 1.3) -> Plane:
    a, b = np.radians((yaw, roll))
    normal = np.array([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)])
    middle = np.array(GRID.origin) + 0.9 * (np.array(GRID.size) - 1)
    return Plane.through(middle + shift * normal, normal)


def _blob() -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """A smooth lump left of the middle: sorted indices, fractions, the dense array."""
    z, y, x = np.meshgrid(*[np.arange(n) for n in GRID.shape], indexing="ij")
    radius = np.sqrt((z - 18) ** 2 + (y - 20) ** 2 + ((x - 27) * 1.4) ** 2)
    dense = np.clip(1.5 - radius / 8, 0, 1).astype(np.float32)
    rows = np.argwhere(dense > 0)
    return torch.from_numpy(rows), torch.from_numpy(dense[tuple(rows.T)]), dense


def test_the_plane_may_stand_anywhere_and_lean() -> None:
    rng = np.random.default_rng(5)
    half = rng.normal(size=(9000, 3)) * (30, 45, 40)
    half = half[(half[:, 0] > 0) & (np.linalg.norm(half / (60, 80, 70), axis=1) > 0.7)]
    plane = _plane(9, -5, 2.0)
    other = np.c_[half * (-1, 1, 1), np.ones(len(half))]
    turned = np.linalg.qr(np.c_[plane.normal, np.eye(3)[:, 1:]])[0]
    turned *= np.sign(turned[:, 0] @ plane.normal)
    points = np.concatenate([half, other[:, :3]]) @ turned.T + np.array(plane.point)
    rows = torch.from_numpy(np.unique(np.rint(points[:, ::-1]).astype(np.int64), axis=0))
    voxels = Geometry((1, 1, 1), (1.0,) * 3, (0.0,) * 3, LPS_AXES)  # of 1 mm, at whole mm
    found = midsagittal_plane(rows, torch.ones(len(rows)), voxels)
    assert np.degrees(np.arccos(min(1.0, float(np.dot(found.normal, plane.normal))))) < 1.5
    assert abs((np.array(found.point) - plane.point) @ plane.normal) < 1.0


def test_the_mirror_image_is_what_interpolation_says() -> None:
    rows, fraction, dense = _blob()
    plane = _plane()
    found, both = with_mirror_image(rows, fraction, GRID, plane)
    world = found.numpy()[:, ::-1] * 1.8 + np.array(GRID.origin)
    mirrored = np.c_[world, np.ones(len(world))] @ plane.reflection().T
    index = ((mirrored[:, :3] - np.array(GRID.origin)) / 1.8)[:, ::-1]
    expected = map_coordinates(dense, index.T, order=1, mode="constant")
    # the one spreads, the other gathers: alike where the lump is smooth
    assert np.abs(both[:, 1].numpy() - expected).mean() < 0.03
    assert float(both[:, 1].sum()) == pytest.approx(float(fraction.sum()), rel=0.03)
    bone = np.zeros(GRID.shape, np.float32)
    inside = ((found >= 0) & (found < torch.tensor(GRID.shape))).all(1)
    bone[tuple(found[inside].numpy().T)] = both[inside, 0].numpy()
    np.testing.assert_array_equal(bone, dense)


def test_indices_are_sorted_and_may_leave_the_grid() -> None:
    rows, fraction, _ = _blob()
    found, _ = with_mirror_image(rows - 9, fraction, GRID, _plane(shift=-40.0))
    keys = (found + 500) @ torch.tensor([10**6, 10**3, 1])
    assert bool((keys[1:] > keys[:-1]).all())
    assert int(found.min()) < 0


def test_twice_mirrored_is_back_where_it_was() -> None:
    plane = _plane()
    np.testing.assert_allclose(plane.reflection() @ plane.reflection(), np.eye(4), atol=1e-12)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_nothing_is_lost_in_spreading(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    index = torch.from_numpy(rng.uniform(0, 6, (count, 3)).astype(np.float32))
    weight = torch.from_numpy(rng.uniform(0, 1, count).astype(np.float32))
    out = splat(index, weight)
    assert float(out.sum()) == pytest.approx(float(weight.sum()), rel=1e-5)
    cells = torch.stack(torch.meshgrid(*[torch.arange(n) for n in out.shape], indexing="ij"), -1)
    centre = (cells.float() * out[..., None]).sum((0, 1, 2)) / out.sum()
    expected = (index * weight[:, None]).sum(0) / weight.sum()
    torch.testing.assert_close(centre, expected, rtol=1e-4, atol=1e-4)
