"""Grids for the tests of this room."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from skullfix.images.volume import Geometry

SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz")


def make_geometry(
    size: tuple[int, int, int] = (5, 6, 7),
    spacing: tuple[float, float, float] = (0.45, 0.45, 0.7),
    origin: tuple[float, float, float] = (-120.2, -127.8461171845037, 10.215863564566289),
    direction: np.ndarray[Any, Any] | None = None,
) -> Geometry:
    axes = np.eye(3) if direction is None else np.asarray(direction)
    nine = tuple(float(value) for value in axes.ravel())
    return Geometry(size, spacing, origin, nine)


def oblique(seed: int) -> np.ndarray[Any, Any]:
    axes: np.ndarray[Any, Any] = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    return axes if seed % 2 else axes * [1, 1, -1]  # left-handed ones too
