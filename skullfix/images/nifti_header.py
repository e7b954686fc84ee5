"""The NIfTI header as it stands in the file, nothing in it silently repaired."""

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
from skullfix.images.nifti_library import nibabel
from skullfix.images.payload import DAMAGED, Payload
from skullfix.images.volume import LPS_FROM_RAS

_UNITS = {1: 1000.0, 3: 0.001}
"""xyzt_units -> mm; 2 is mm, 0 says nothing and is taken for mm."""

_HEADERS = {348: (nibabel.Nifti1Header, b"n+1"), 540: (nibabel.Nifti2Header, b"n+2")}


def nifti_header(path: Path) -> Any:
    """Read the header of a file (nibabel's class, not checked by it).

    Args:
        path: A .nii or .nii.gz file.

    Raises:
        InputError: Not a NIfTI file in one part, or damaged.
    """
    name = path.name
    try:
        with gzip.open(path, "rb") if is_packed(path) else path.open("rb") as file:
            start = file.read(max(_HEADERS))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{name} is damaged: it cannot be decompressed ({error}).", hint=DAMAGED
        ) from error
    for order in ("<", ">"):
        length = int(np.frombuffer(start[:4].ljust(4, b"\0"), f"{order}i4")[0])
        if length in _HEADERS:
            header_class, magic = _HEADERS[length]
            if len(start) < length:
                raise InputError(f"{name} ends within its header.", hint=DAMAGED)
            header = header_class(start[:length], endianness=order, check=False)
            if header["magic"].tobytes()[:3] == magic:
                return header
    raise InputError(
        f"{name} is not a NIfTI file: it does not begin with a NIfTI header.",
        hint="Check that the file is what its name says.",
    )


def is_packed(path: Path) -> bool:
    """Tell by its name whether a file is compressed."""
    return path.name.lower().endswith(".gz")


def nifti_payload(path: Path, header: Any) -> Payload:
    """Find the voxels of a NIfTI file.

    Args:
        path: A .nii or .nii.gz file.
        header: As ``nifti_header`` gives it.

    Raises:
        InputError: An unsupported type, or a grid beyond the limits.
    """
    name = path.name
    dims = [int(value) for value in header["dim"]]
    if not 1 <= dims[0] <= 7:
        raise InputError(f"{name} has {dims[0]} dimensions; three were expected.", hint=DAMAGED)
    size = dims[1 : dims[0] + 1]
    check_size(name, size)
    try:
        dtype = header.get_data_dtype()
    except (nibabel.spatialimages.HeaderDataError, KeyError) as error:
        raise InputError(
            f"{name} has voxels of an unknown type ({error}).", hint=DAMAGED
        ) from error
    if dtype.names or dtype.kind not in "iuf" or not 1 <= dtype.itemsize <= 8:
        raise InputError(
            f"{name} has colour, vectors or complex numbers in its voxels; one real number was "
            "expected.",
            hint="Give a greyscale scan or a mask.",
        )
    offset = float(header["vox_offset"])
    if not math.isfinite(offset) or offset % 1 or not header.sizeof_hdr <= offset <= 2**31:
        raise InputError(f"{name} has the voxel offset {offset}.", hint=DAMAGED)
    count = math.prod(size) * int(dtype.itemsize)
    if is_packed(path):
        return Payload(path, 0, True, count, skip=int(offset))
    return Payload(path, int(offset), False, count)


def nifti_affine(name: str, header: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Find where the voxels lie: by sform, else qform, as the standard says.

    Args:
        name: File name for the warnings.
        header: As ``nifti_header`` gives it.

    Returns:
        (4, 4) float64, index (x, y, z) to LPS mm; and warnings.

    Raises:
        ValueError: The qform is no rotation.
    """
    warnings: tuple[str, ...] = ()
    if int(header["sform_code"]) > 0:
        affine = np.asarray(header.get_sform(), dtype=np.float64)
    elif int(header["qform_code"]) > 0:
        affine = np.asarray(header.get_qform(), dtype=np.float64)
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
