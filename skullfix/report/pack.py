"""Volumes and meshes, small enough for a page: compressed and written as text."""

from __future__ import annotations

import base64
import gzip
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.images.volume import LPS_FROM_RAS, Geometry
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.write import to_space

MESH_STEP_MM = 0.02
_LEVEL = 4  # half the time of 6, for 3 % more
_UINT8 = 2  # NIfTI's code
_SCANNER = 1  # NIfTI's code for scanner coordinates


def pack_volume(array: NDArray[np.uint8], geometry: Geometry) -> str:
    """Write a volume as a compressed NIfTI-1 file in base64.

    Args:
        array: (z, y, x) uint8.
        geometry: Where it lies, LPS mm; the file says RAS, as NIfTI does.

    Returns:
        ASCII text; it carries no name and no date.
    """
    affine = LPS_FROM_RAS @ geometry.affine()
    x, y, z = geometry.size
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, x, y, z, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, _UINT8, 8)
    struct.pack_into("<8f", header, 76, 1.0, *geometry.spacing, 1.0, 1.0, 1.0, 1.0)
    struct.pack_into("<3f", header, 108, 352.0, 1.0, 0.0)
    header[123] = 2  # millimetres
    struct.pack_into("<2h", header, 252, 0, _SCANNER)
    struct.pack_into("<12f", header, 280, *affine[:3].ravel())
    header[344:348] = b"n+1\0"
    return _packed(bytes(header) + np.ascontiguousarray(array).tobytes())


def pack_mesh(mesh: Mesh) -> dict[str, Any]:
    """Write a mesh as compressed differences in base64.

    Args:
        mesh: LPS mm.

    Returns:
        ``origin`` (RAS mm), ``step`` (mm), ``vertices`` (base64 of gzip of int16 multiples of the
        step from the origin, rounded), ``faces`` (the same of int32 differences of one corner to
        the next).
    """
    ras = to_space(mesh.vertices, "ras")
    origin = (ras.min(axis=0) + ras.max(axis=0)) / 2
    steps = np.clip(np.rint((ras - origin) / MESH_STEP_MM), -32768, 32767).astype("<i2")
    corners = mesh.faces.astype("<i4").ravel()
    return {
        "origin": origin.tolist(),
        "step": MESH_STEP_MM,
        "vertices": _packed(steps.tobytes()),
        "faces": _packed(np.diff(corners, prepend=np.int32(0)).astype("<i4").tobytes()),
    }


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, compresslevel=_LEVEL, mtime=0)).decode("ascii")
