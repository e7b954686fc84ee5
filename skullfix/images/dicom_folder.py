"""Read a DICOM folder: find, choose, sort, decode, put on a regular grid."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.dicom_geometry import Stack, regular_step, stack_slices
from skullfix.images.dicom_pixels import check_promise, check_syntax, read_pixels
from skullfix.images.dicom_series import choose_series
from skullfix.images.dicom_slice import PARSE_ERRORS, Slice, read_slice
from skullfix.images.header_text import check_size
from skullfix.images.limits import MAX_FOLDER_DEPTH, MAX_FOLDER_FILES
from skullfix.images.nrrd_vectors import representable
from skullfix.images.orthonormal import checked_geometry
from skullfix.images.room import require_bytes
from skullfix.images.volume import Volume


@dataclass(frozen=True, eq=False)
class DicomVolume:
    """A series as a volume.

    Attributes:
        volume: int16 where Hounsfield units are whole numbers, else float32.
        series: Its SeriesInstanceUID.
        choice: Which series was chosen and why; empty where there was no choice.
        warnings: What was changed or assumed.
    """

    volume: Volume
    series: str
    choice: str
    warnings: tuple[str, ...]


def read_dicom_folder(folder: Path, *, series: str | None = None, name: str = "") -> DicomVolume:
    """Read the head CT of a folder.

    Args:
        folder: The folder; sub-folders are looked at, links to folders are not followed.
        series: SeriesInstanceUID wanted, or None for the best head CT.
        name: What to call the folder in messages; its own name if empty.

    Raises:
        InputError: No DICOM, no CT volume, or damaged, compressed beyond reach, too large.
    """
    name = name or folder.resolve().name
    slices, damaged = _headers(name, folder)
    if not slices:
        raise InputError(
            f"{name} holds no DICOM images{f'; damaged: {damaged[0]}' if damaged else ''}.",
            hint="Give the folder that holds the slices (often .dcm files) of a CT.",
        )
    choice = choose_series(name, slices, series)
    warnings = choice.warnings
    if damaged:
        warnings += (f"{len(damaged)} files of {name} are damaged: {'; '.join(damaged[:3])}.",)
    for item in choice.slices:
        check_syntax(item)
        check_promise(item)
    stack, notes = stack_slices(name, choice.slices)
    volume, more = _volume(name, stack)
    uid = choice.slices[0].series
    return DicomVolume(volume, uid, choice.text, (*warnings, *notes, *more))


def _headers(name: str, folder: Path) -> tuple[list[Slice], list[str]]:
    """Headers of all slices below a folder, in the order of their paths; and damaged files."""
    files: list[Path] = []
    for root, folders, names in os.walk(folder, followlinks=False):
        if len(Path(root).relative_to(folder).parts) >= MAX_FOLDER_DEPTH:
            folders.clear()
        files += [Path(root) / file for file in names]
        if len(files) > MAX_FOLDER_FILES:
            raise InputError(
                f"{name} holds more than {MAX_FOLDER_FILES:,} files.",
                hint="Give the folder of the one series that is wanted.",
            )
    slices, damaged = [], []
    for path in sorted(files):
        if not path.is_file():
            continue  # a socket, a pipe, a dangling link
        try:
            item = read_slice(path)
        except PARSE_ERRORS as error:
            damaged.append(f"{path.name} ({str(error)[:120] or type(error).__name__})")
            continue
        if item is not None:
            slices.append(item)
    return slices, damaged


def _volume(name: str, stack: Stack) -> tuple[Volume, tuple[str, ...]]:
    """Decode a stack and, where it is uneven or sheared, resample it."""
    first = stack.slices[0]
    assert first.spacing is not None
    assert first.position is not None
    step = regular_step(stack.heights)
    if stack.even:
        step = float(stack.heights[-1]) / (len(stack.heights) - 1)
    count = round(float(stack.heights[-1]) / step) + 1
    in_plane = np.array(first.spacing)
    shifts = stack.shifts / in_plane if not stack.straight else np.zeros_like(stack.shifts)
    low, high = np.floor(shifts.min(axis=0)), np.ceil(shifts.max(axis=0))  # voxels, (x, y)
    size = (
        first.columns + int(high[0] - low[0]),
        first.rows + int(high[1] - low[1]),
        count,
    )
    check_size(name, size)
    origin = first.position + stack.axes[:, :2] @ (low * in_plane)
    geometry, warnings = checked_geometry(
        name, size, (*first.spacing, step), origin.tolist(), stack.axes.ravel().tolist()
    )
    geometry = representable(geometry)  # outputs of a DICOM series are NRRD files
    require_bytes(6 * math.prod(size), f"Reading {name}")
    array = np.zeros(geometry.shape, dtype=np.float32)
    if stack.even and stack.straight:
        for index, item in enumerate(stack.slices):
            array[index] = read_pixels(item)
    else:
        _resample(stack, array, shifts - low, step)
    whole = all(np.array_equal(np.rint(plane), plane) for plane in array)
    if whole and array.min() >= -32768 and array.max() <= 32767:
        return Volume(array.astype(np.int16), geometry), warnings
    return Volume(array, geometry), warnings


def _resample(
    stack: Stack, array: NDArray[np.float32], places: NDArray[np.float64], step: float
) -> None:
    """Fill a regular grid, linearly between the two nearest slices; whole Hounsfield units.

    Args:
        stack: The slices.
        array: (z, y, x) float32, filled in place.
        places: (n, 2) where the first voxel of each slice lies on the grid, voxels (x, y).
        step: Slice distance of the grid, mm.
    """
    loaded: dict[int, NDArray[np.float32]] = {}
    for index in range(array.shape[0]):
        height = min(index * step, float(stack.heights[-1]))
        upper = int(np.searchsorted(stack.heights, height - 1e-6))
        lower = max(upper - 1, 0)
        for number in {lower, upper} - loaded.keys():
            plane = read_pixels(stack.slices[number])
            loaded[number] = _placed(plane, array.shape[1:], places[number])
        for number in loaded.keys() - {lower, upper}:
            del loaded[number]
        gap = stack.heights[upper] - stack.heights[lower]
        weight = float((height - stack.heights[lower]) / gap) if gap > 0 else 1.0
        array[index] = np.rint((1.0 - weight) * loaded[lower] + weight * loaded[upper])


def _placed(
    plane: NDArray[np.float32], shape: tuple[int, ...], place: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Put a slice on a larger plane, moved by a fraction of a voxel; its minimum around it.

    Args:
        plane: (rows, columns) float32.
        shape: Shape of the larger plane.
        place: Where the first voxel goes, voxels (x, y), not negative.
    """
    if plane.shape == shape and not place.any():
        return plane
    whole = np.floor(place + 1e-9).astype(int)
    padded = np.full((shape[0] + 1, shape[1] + 1), plane.min(), dtype=np.float32)
    fy, fx = (np.clip(place - whole, 0.0, 1.0)).astype(np.float32)[::-1]
    y, x = int(whole[1]), int(whole[0])
    padded[y : y + plane.shape[0], x : x + plane.shape[1]] = plane
    before_y = np.vstack([padded[:1], padded[:-1]])
    mixed = (1 - fy) * padded + fy * before_y
    before_x = np.hstack([mixed[:, :1], mixed[:, :-1]])
    result: NDArray[np.float32] = ((1 - fx) * mixed + fx * before_x)[: shape[0], : shape[1]]
    return result
