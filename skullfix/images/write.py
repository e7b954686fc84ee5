"""Write a volume: the format by the suffix, the grid bit for bit, the file whole or not at all."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import OutputError
from skullfix.images.atomic import write_atomic
from skullfix.images.formats import split_suffix
from skullfix.images.nrrd_vectors import space_vectors
from skullfix.images.volume import LPS_FROM_RAS, Geometry, Volume

LEVEL = 6
"""Compression level. A skull of 512 x 512 x 350: level 1 gives 1.85 MB in 0.3 s, 6 gives 0.86 MB
in 0.4 s; both are read in 0.2 s."""

_CHUNK = 2**22
_NAMES = {  # dtype -> (NRRD, MetaImage)
    "uint8": ("unsigned char", "MET_UCHAR"),
    "int8": ("signed char", "MET_CHAR"),
    "uint16": ("unsigned short", "MET_USHORT"),
    "int16": ("short", "MET_SHORT"),
    "uint32": ("unsigned int", "MET_UINT"),
    "int32": ("int", "MET_INT"),
    "uint64": ("unsigned long long", "MET_ULONG_LONG"),
    "int64": ("long long", "MET_LONG_LONG"),
    "float32": ("float", "MET_FLOAT"),
    "float64": ("double", "MET_DOUBLE"),
}


def write_volume(volume: Volume, path: Path) -> None:
    """Write a volume, compressed (but .nii, which cannot be).

    Args:
        volume: Any real dtype; bool is written as uint8 {0, 1}.
        path: The file; .nrrd, .mha, .nii or .nii.gz. An existing one is replaced.

    Raises:
        OutputError: Unknown suffix, or the file cannot be written.
        TypeError: A dtype that no format holds.
    """
    suffix = split_suffix(path.name)[1]
    array = volume.array.view(np.uint8) if volume.array.dtype == np.bool_ else volume.array
    if array.dtype.name not in _NAMES:
        raise TypeError(f"voxels of the type {array.dtype} cannot be written")
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if suffix == ".nrrd":
        header = _nrrd_header(volume.geometry, array.dtype.name)
        write_atomic(path, _joined(header, _deflated(array, 31)))
    elif suffix == ".mha":
        packed = list(_deflated(array, 15))
        header = _meta_header(volume.geometry, array.dtype.name, sum(map(len, packed)))
        write_atomic(path, _joined(header, iter(packed)))
    elif suffix == ".nii":
        write_atomic(path, _joined(_nifti_header(volume.geometry, array), _pieces(array)))
    elif suffix == ".nii.gz":
        write_atomic(path, _deflated(array, 31, _nifti_header(volume.geometry, array)))
    else:
        raise OutputError(
            f"{path.name} has no suffix of a format that can be written.",
            hint="Use .nrrd, .nii.gz or .mha.",
        )


def _nrrd_header(geometry: Geometry, dtype: str) -> bytes:
    vectors = " ".join(_vector(row) for row in space_vectors(geometry).tolist())
    lines = [
        "NRRD0004",
        f"type: {_NAMES[dtype][0]}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {geometry.size[0]} {geometry.size[1]} {geometry.size[2]}",
        f"space directions: {vectors}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(geometry.origin)}",
    ]
    return ("\n".join(lines) + "\n\n").encode()


def _meta_header(geometry: Geometry, dtype: str, size: int) -> bytes:
    axes = np.asarray(geometry.direction).reshape(3, 3).T.ravel().tolist()
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {size}",
        f"TransformMatrix = {' '.join(map(repr, axes))}",
        f"Offset = {' '.join(map(repr, map(float, geometry.origin)))}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {' '.join(map(repr, map(float, geometry.spacing)))}",
        f"DimSize = {geometry.size[0]} {geometry.size[1]} {geometry.size[2]}",
        f"ElementType = {_NAMES[dtype][1]}",
        "ElementDataFile = LOCAL",
    ]
    return ("\n".join(lines) + "\n").encode()


def _nifti_header(geometry: Geometry, array: NDArray[Any]) -> bytes:
    """Header and empty extension, 352 bytes; the affine in both forms, in float32 as NIfTI has."""
    from skullfix.images.nifti_library import nibabel

    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_dtype(array.dtype)
    header.set_data_shape(geometry.size)
    affine = LPS_FROM_RAS @ geometry.affine()
    header.set_qform(affine, code=1, strip_shears=True)
    header.set_sform(affine, code=1)
    header["pixdim"][1:4] = geometry.spacing
    header.set_xyzt_units("mm")
    header["scl_slope"], header["scl_inter"] = 1.0, 0.0
    header["magic"] = b"n+1"
    header["vox_offset"] = 352
    return bytes(header.binaryblock) + bytes(4)


def _vector(values: tuple[float, ...] | list[float]) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"


def _pieces(array: NDArray[Any]) -> Iterator[memoryview]:
    data = array.reshape(-1).view(np.uint8).data
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


def _deflated(array: NDArray[Any], wbits: int, before: bytes = b"") -> Iterator[bytes]:
    """Compress bytes and an array; ``wbits`` 31 makes gzip (with no time in it), 15 zlib."""
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, wbits)
    yield stream.compress(before)
    for piece in _pieces(array):
        yield stream.compress(piece)
    yield stream.flush()


def _joined(header: bytes, rest: Iterator[Any]) -> Iterator[Any]:
    yield header
    yield from rest
