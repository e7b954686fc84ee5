"""Grids for the tests of this room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume

WRITTEN = (".nrrd", ".mha", ".nii", ".nii.gz")
SUFFIXES = (*WRITTEN, ".nhdr", ".mhd")  # those that are read


def write_any(volume: Volume, path: Path) -> None:
    """Write a volume; a header with its voxels beside it by another program's hand."""
    if path.name.endswith(WRITTEN):
        write_volume(volume, path)
    else:
        write_by_itk(volume, path, compressed=True)


def write_by_itk(volume: Volume, path: Path, *, compressed: bool) -> None:
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.geometry.spacing)
    image.SetOrigin(volume.geometry.origin)
    image.SetDirection(volume.geometry.direction)
    sitk.WriteImage(image, str(path), compressed)


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
