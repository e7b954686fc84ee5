"""NIfTI through nibabel, after the header has been looked at.

Not through ITK: it refuses directions that are off by a hair, reads what is missing of a cut-off
file as zero, and takes the voxels of ``scan.nii.gz`` from ``scan.nii`` when that lies beside it.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.header_text import check_size
from skullfix.images.orthonormal import checked_geometry
from skullfix.images.payload import DAMAGED, Payload
from skullfix.images.untyped import nibabel
from skullfix.images.volume import Geometry, Volume

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""(4, 4): NIfTI's world is RAS, everyone else's here is LPS."""

_UNITS = {1: 1000.0, 3: 0.001}
"""xyzt_units -> mm; 2 is mm, 0 says nothing and is taken for mm."""

_ERRORS = (
    nibabel.filebasedimages.ImageFileError,
    nibabel.spatialimages.HeaderDataError,
    np.linalg.LinAlgError,
    OSError,
    EOFError,
    ValueError,
    zlib.error,
)
_HEADERS = {348: (nibabel.Nifti1Header, b"n+1"), 540: (nibabel.Nifti2Header, b"n+2")}


def nifti_payload(path: Path) -> Payload:
    """Read a NIfTI header and say where its voxels are.

    Args:
        path: A .nii or .nii.gz file.

    Raises:
        InputError: Not a NIfTI file, an unsupported type, or a grid beyond the limits.
    """
    name = path.name
    packed = name.lower().endswith(".gz")
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            start = file.read(540)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{name} is damaged: it cannot be decompressed ({error}).", hint=DAMAGED
        ) from error
    order: str | None = None
    for order in ("<", ">"):
        length = int(np.frombuffer(start[:4].ljust(4, b"\0"), f"{order}i4")[0])
        if length in _HEADERS:
            break
    else:
        raise _not_nifti(name)
    header_class, magic = _HEADERS[length]
    if len(start) < length:
        raise InputError(f"{name} ends within its header.", hint=DAMAGED)
    try:
        header = header_class(start[:length], endianness=order, check=False)
        dims = [int(value) for value in header["dim"]]
        itemsize = int(header.get_data_dtype().itemsize)
        offset = float(header["vox_offset"])
    except (nibabel.spatialimages.HeaderDataError, KeyError, ValueError) as error:
        raise InputError(
            f"{name} has a header that makes no sense ({error}).", hint=DAMAGED
        ) from error
    if bytes(header["magic"].tobytes()[:3]) != magic:
        raise _not_nifti(name)
    if not 1 <= dims[0] <= 7:
        raise InputError(f"{name} has {dims[0]} dimensions; three were expected.", hint=DAMAGED)
    size = dims[1 : dims[0] + 1]
    check_size(name, size)
    real = header.get_data_dtype()
    if real.names or real.kind not in "iuf" or real.itemsize > 8:
        raise InputError(
            f"{name} has colour, vectors or complex numbers in its voxels; one real number was "
            "expected.",
            hint="Give a greyscale scan or a mask.",
        )
    if not math.isfinite(offset) or not length <= offset <= 2**31:
        raise InputError(f"{name} has the voxel offset {offset}.", hint=DAMAGED)
    count = math.prod(size) * itemsize
    if packed:
        return Payload(path, 0, "deflate", int(offset) + count)
    return Payload(path, int(offset), "raw", count)


def read_nifti(path: Path) -> tuple[Volume, tuple[str, ...]]:
    """Read a NIfTI file whose payload has been checked.

    Args:
        path: A .nii or .nii.gz file.

    Returns:
        The volume (the file's dtype, or float32 where a slope applies) with the nearest
        orthonormal axes, and the warnings.

    Raises:
        InputError: Not a 3-D volume, or axes too far from right angles.
    """
    try:
        image = nibabel.load(path)
        shape = [int(side) for side in image.shape]
        if len(shape) > 3 and all(side == 1 for side in shape[3:]):
            shape = shape[:3]
        affine, warnings = _affine(path.name, image.header)
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        with np.errstate(all="ignore"):
            direction = affine[:3, :3] / spacing
        geometry, notes = checked_geometry(
            path.name, shape, spacing.tolist(), affine[:3, 3].tolist(), direction.ravel().tolist()
        )
        if notes:
            geometry = _representable(geometry)
        with np.errstate(all="ignore"):
            array = np.asarray(image.dataobj).reshape(shape)  # (x, y, z)
    except _ERRORS as error:
        raise InputError(f"{path.name} cannot be read ({error}).", hint=DAMAGED) from error
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return Volume(np.ascontiguousarray(array.transpose(2, 1, 0)), geometry), (*warnings, *notes)


def _affine(name: str, header: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """(4, 4) float64, index (x, y, z) to LPS mm: sform before qform, as the standard says."""
    sform, has_sform = header.get_sform(coded=True)
    qform, has_qform = header.get_qform(coded=True)
    warnings: tuple[str, ...] = ()
    if has_sform:
        affine = np.asarray(sform, dtype=np.float64)
    elif has_qform:
        affine = np.asarray(qform, dtype=np.float64)
    else:
        affine = np.diag([*np.asarray(header["pixdim"][1:4], dtype=np.float64), 1.0])
        warnings = (
            f"{name} does not say how it is oriented; its axes are taken for right, anterior and "
            "superior. Left and right may be mirrored.",
        )
    unit = int(header["xyzt_units"]) & 7
    scale = _UNITS.get(unit, 1.0)
    if scale != 1.0:
        affine = affine * np.array([[scale], [scale], [scale], [1.0]])
        warnings += (f"{name} is measured in {'metres' if unit == 1 else 'micrometres'}.",)
    return LPS_FROM_RAS @ affine, warnings


def _representable(geometry: Geometry) -> Geometry:
    """Return the nearest grid that the float32 affine of a NIfTI header holds bit for bit."""
    affine = geometry.affine().astype(np.float32).astype(np.float64)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return Geometry(
        geometry.size,
        tuple(spacing.tolist()),
        tuple(affine[:3, 3].tolist()),
        tuple((affine[:3, :3] / spacing).ravel().tolist()),
    )


def _not_nifti(name: str) -> InputError:
    return InputError(
        f"{name} is not a NIfTI file: it does not begin with a NIfTI header.",
        hint="Check that the file is what its name says.",
    )
