"""What every header says in the end: where the voxels are, of which type, and on which grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.images.orthonormal import checked_geometry
from skullfix.images.payload import Payload, read_payload
from skullfix.images.volume import Geometry, Volume, direction_of


@dataclass(frozen=True)
class FileHeader:
    """A header of any format, read.

    Attributes:
        payload: Where the voxels are.
        dtype: Their type, with its byte order.
        size: Voxels along x, y, z and perhaps more axes; x is the fastest.
        spacing: mm along x, y, z.
        origin: LPS mm of the first voxel.
        axes: (3, 3) float64, columns are the LPS directions of x, y, z.
        warnings: What was assumed.
    """

    payload: Payload
    dtype: np.dtype[Any]
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    axes: NDArray[np.float64]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FileVolume:
    """A volume as a file gives it.

    Attributes:
        volume: The voxels, on a grid with right-angled axes.
        own_grid: The file's own grid where its axes are not right-angled, else None.
        warnings: What was changed or assumed.
    """

    volume: Volume
    own_grid: Geometry | None
    warnings: tuple[str, ...]


def read_volume(name: str, header: FileHeader) -> FileVolume:
    """Read the voxels that a header describes.

    Args:
        name: File name for the messages.
        header: The header.

    Returns:
        The volume, in the file's dtype and the machine's byte order.

    Raises:
        InputError: Not a 3-D volume, a grid that no scan has, or damaged voxels.
    """
    size = list(header.size)
    while len(size) > 3 and size[-1] == 1:
        size.pop()
    geometry, warnings = checked_geometry(
        name, size, header.spacing, header.origin, header.axes.ravel().tolist()
    )
    array = read_payload(header.payload).view(header.dtype).reshape(geometry.shape)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    own = None
    if warnings:
        axes = direction_of(header.axes)
        own = Geometry(geometry.size, geometry.spacing, geometry.origin, axes)
    return FileVolume(Volume(array, geometry), own, (*header.warnings, *warnings))
