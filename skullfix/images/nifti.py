"""NIfTI, its header through nibabel.

Not through ITK: it refuses directions that are off by a hair, reads what is missing of a cut-off
file as zero, and takes the voxels of ``scan.nii.gz`` from ``scan.nii`` when that lies beside it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from skullfix.errors import InputError
from skullfix.images.file_header import FileHeader, FileVolume, read_volume
from skullfix.images.nifti_header import nifti_affine, nifti_header, nifti_payload
from skullfix.images.payload import DAMAGED
from skullfix.images.room import require_bytes
from skullfix.images.volume import Geometry, Volume, direction_of


def read_nifti(path: Path) -> FileVolume:
    """Read a NIfTI file.

    Args:
        path: A .nii or .nii.gz file.

    Returns:
        The volume (the file's dtype, or float32 where a slope applies) with the nearest
        orthonormal axes.

    Raises:
        InputError: Not a 3-D volume of real numbers, damaged, or axes too far from right angles.
    """
    name, header = path.name, nifti_header(path)
    payload = nifti_payload(path, header)
    slope, intercept = _scaling(name, header)
    try:
        with np.errstate(all="ignore"):
            affine, warnings = nifti_affine(name, header)
            spacing = np.linalg.norm(affine[:3, :3], axis=0)
            axes = affine[:3, :3] / spacing
    except ValueError as error:
        raise InputError(f"{name} has no usable orientation ({error}).", hint=DAMAGED) from error
    dtype = header.get_data_dtype().newbyteorder(header.endianness)
    size = tuple(int(side) for side in header["dim"][1 : int(header["dim"][0]) + 1])
    place = affine[:3, 3].tolist()
    found = read_volume(
        name, FileHeader(payload, dtype, size, tuple(spacing.tolist()), tuple(place), axes)
    )
    array, geometry = found.volume.array, found.volume.geometry
    if found.own_grid is not None:
        geometry = _representable(geometry)
    if (slope, intercept) != (1.0, 0.0):
        require_bytes(4 * array.size, f"Scaling the voxels of {name}")
        stored, array = array, np.empty(array.shape, np.float32)
        with np.errstate(all="ignore"):
            for index, plane in enumerate(stored):  # one by one: each needs 64 bits on the way
                array[index] = plane * slope + intercept
    return FileVolume(Volume(array, geometry), found.own_grid, (*warnings, *found.warnings))


def _scaling(name: str, header: Any) -> tuple[float, float]:
    """Slope and intercept; a slope of 0 or NaN stands for none."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0.0 or math.isnan(slope):
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise InputError(f"{name} scales its voxels by {slope} and {intercept}.", hint=DAMAGED)
    return slope, intercept


def _representable(geometry: Geometry) -> Geometry:
    """Return the nearest grid that the float32 affine of a NIfTI header holds bit for bit."""
    affine = geometry.affine().astype(np.float32).astype(np.float64)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return Geometry(
        geometry.size,
        tuple(spacing.tolist()),
        tuple(affine[:3, 3].tolist()),
        direction_of(affine[:3, :3] / spacing),
    )
