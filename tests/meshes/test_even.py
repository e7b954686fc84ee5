from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from skullfix.meshes.even import REACH, even_vertices
from skullfix.meshes.intersect import self_intersections
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.surface import cut_surface, mask_surface

SPACING = (0.5, 0.4, 0.8)


class Grid:
    """A grid whose axes are those of the world."""

    def affine(self) -> np.ndarray:
        return np.diag([*SPACING, 1.0])


class Cap:
    """A dome of 60 mm radius: its top is all stairs of single voxels."""

    def __init__(self) -> None:
        x, y, z = (
            np.arange(n) * s for n, s in zip((90, 110, 20), SPACING, strict=True)
        )  # 45 x 44 x 16 mm
        below = (x - 22) ** 2 + (y[:, None] - 22) ** 2 + (z[:, None, None] + 50) ** 2
        self.array = (below <= 60**2) & (z[:, None, None] > 2)
        self.geometry = Grid()


def spread(mesh: Mesh) -> float:
    """Spread (mm) of the dome's vertices about its sphere."""
    radius = np.linalg.norm(mesh.vertices - [22, 22, -50], axis=1)
    top = (mesh.vertices[:, 2] > 6) & (np.abs(radius - 60) < 2)
    return float((radius[top] - 60).std())


def test_stairs_vanish_and_the_volume_stays() -> None:
    cap = Cap()
    even = mask_surface(cap)
    stairs = cut_surface(np.pad(cap.array, 3).astype(np.float32), cap.geometry.affine(), 0.5)
    stairs = Mesh(stairs.vertices - 3 * np.asarray(SPACING), stairs.faces)
    assert spread(even) < 0.35 * spread(stairs)
    assert spread(even) < 0.08
    voxels = np.count_nonzero(cap.array) * np.prod(SPACING) / 1000
    assert even.volume_ml() == pytest.approx(voxels, rel=0.005)


def test_no_vertex_moves_farther_than_its_reach() -> None:
    rng = np.random.default_rng(3)
    rough = cut_surface(np.pad(rng.random((9, 9, 9)).astype(np.float32), 2), np.eye(4), 0.3)
    moved = even_vertices(rough.vertices, rough.faces, REACH)
    assert 0.1 < np.abs(moved - rough.vertices).max() <= REACH + 1e-12
    assert np.array_equal(even_vertices(rough.vertices, rough.faces, 0.0), rough.vertices)


class Sponge:
    """A mask whose evened surface would cross itself in a few places."""

    def __init__(self) -> None:
        noise = np.random.default_rng(9).normal(size=(30, 30, 30))
        self.array = ndimage.gaussian_filter(noise, 1.2) > 0.05
        self.geometry = Grid()


def test_stairs_are_left_only_where_faces_would_cross() -> None:
    sponge = Sponge()
    even = mask_surface(sponge)
    assert len(self_intersections(even)) == 0
    size = np.count_nonzero(sponge.array) * float(np.prod(SPACING)) / 1000
    assert even.volume_ml() == pytest.approx(size, rel=0.01)
    # marching cubes puts every vertex on an edge of the grid: two of its coordinates are whole
    index = even.vertices / SPACING
    whole = np.abs(index - np.rint(index)) < 1e-9
    stairs = np.count_nonzero(whole.sum(axis=1) >= 2)
    assert 0 < stairs < 0.02 * len(index)


def test_a_vertex_without_reach_stays() -> None:
    rng = np.random.default_rng(4)
    rough = cut_surface(np.pad(rng.random((9, 9, 9)).astype(np.float32), 2), np.eye(4), 0.3)
    reach = rng.choice([0.0, REACH], len(rough.vertices))
    moved = even_vertices(rough.vertices, rough.faces, reach)
    assert np.array_equal(moved[reach == 0], rough.vertices[reach == 0])
    assert np.abs(moved - rough.vertices).max() > 0.1
