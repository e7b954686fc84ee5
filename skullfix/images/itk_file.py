"""Read NRRD and MetaImage through SimpleITK, after the header has been looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.orthonormal import checked_geometry
from skullfix.images.payload import DAMAGED
from skullfix.images.untyped import sitk
from skullfix.images.volume import Volume

_READERS = {"nrrd": "NrrdImageIO", "metaimage": "MetaImageIO"}


def read_itk(path: Path, form: str) -> tuple[Volume, tuple[str, ...]]:
    """Read a file whose payload has been checked.

    Args:
        path: The file.
        form: "nrrd" or "metaimage"; no other reader of ITK is tried.

    Returns:
        The volume, in the file's own dtype, and the warnings.

    Raises:
        InputError: ITK cannot read it, or it is not a 3-D volume of real numbers.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_READERS[form])
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    components = reader.GetNumberOfComponents()
    if components != 1 or reader.GetPixelID() > sitk.sitkFloat64:
        raise InputError(
            f"{path.name} has {components} numbers in each voxel (colour, vectors or complex "
            "numbers); one was expected.",
            hint="Give a greyscale scan or a mask.",
        )
    size, spacing = list(reader.GetSize()), list(reader.GetSpacing())
    origin, direction = list(reader.GetOrigin()), np.asarray(reader.GetDirection())
    axes = len(size)
    if axes > 3 and all(side == 1 for side in size[3:]):
        direction = direction.reshape(axes, axes)[:3, :3].ravel()
        size, spacing, origin = size[:3], spacing[:3], origin[:3]
    geometry, warnings = checked_geometry(path.name, size, spacing, origin, direction.tolist())
    try:
        array: NDArray[Any] = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    return Volume(array.reshape(geometry.shape), geometry), warnings


def _unreadable(path: Path, error: RuntimeError) -> InputError:
    """Make an InputError of the last line of what ITK says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return InputError(f"{path.name} cannot be read: {lines[-1] if lines else error}", hint=DAMAGED)
