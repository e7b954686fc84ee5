"""The shapes to learn from: an AutoImplant folder, read once and kept as coarse occupancies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skullfix.cases.folder import case_files
from skullfix.cases.organs import organ_files, read_organ
from skullfix.errors import InputError
from skullfix.images.box import bounding_box, crop
from skullfix.images.mask import as_mask
from skullfix.images.midplane import Plane, skull_plane
from skullfix.images.read import read_scan
from skullfix.images.resample import block_average
from skullfix.images.volume import Geometry, Volume
from skullfix.training.cache import cached_arrays
from skullfix.training.distributed import share_out

_CACHE_FORMAT = 2


@dataclass(frozen=True, eq=False)
class Case:
    """One skull, or another structure, of the population.

    Attributes:
        name: File name without suffix.
        whole: uint8 occupancy (255 = full) of the complete structure, (z, y, x); of `load_cases`
            at about 0.9 mm where its scan was that fine.
        implant: uint8 occupancy of the true implant on the same grid; all zero if none is known.
        geometry: Their grid.
        plane: A skull's mid-sagittal plane.
    """

    name: str
    whole: Tensor
    implant: Tensor
    geometry: Geometry
    plane: Plane | None = None


def load_cases(
    folder: Path, names: list[str], cache: Path, progress: Callable[[str, float], None]
) -> list[Case]:
    """Read cases, through a cache of coarse occupancies.

    Args:
        folder: AutoImplant layout: ``complete_skull/NAME.nrrd``, ``implant/NAME.nrrd``. Where
            there is no ``implant/`` at all, the skulls are intact ones without a known defect.
        names: The cases wanted.
        cache: Folder for ``NAME-HASH.npz``, made when absent.
        progress: Called with a stage and the fraction done.

    Raises:
        InputError: A file is missing, damaged, or the implant lies on another grid.
    """
    cache.mkdir(parents=True, exist_ok=True)
    return _each(names, lambda name: _load(folder, name, cache), progress)


def load_shapes(
    folder: Path, names: Sequence[str], spacing: float, progress: Callable[[str, float], None]
) -> list[Case]:
    """Read whole skulls alone, in their scans' own detail.

    Args:
        folder: As for `load_cases`.
        names: The cases wanted.
        spacing: What is finer than about that, mm, is averaged.
        progress: Called with a stage and the fraction done.

    Raises:
        InputError: A file is missing or damaged.
    """

    def read(name: str) -> Case:
        mask = as_mask(read_scan(case_files(folder, name)[0]).volume)[0]
        return _shape(name, mask, spacing)

    return _each(names, read, progress)


def load_organs(folder: Path, organs: Collection[str], spacing: float) -> list[Case]:
    """Read organ masks in one of the published layouts, see `skullfix.cases.organs`.

    Args:
        folder: Of the subjects.
        organs: Which of them are wanted.
        spacing: What is finer than about that, mm, is averaged.

    Returns:
        Cases named ``SUBJECT/ORGAN``.

    Raises:
        InputError: There is none, or a file is damaged.
    """
    cases = []
    for file in organ_files(folder):
        mask = read_organ(file) if file.organ in organs else None
        if mask is not None:
            cases.append(_shape(f"{file.subject}/{file.organ}", mask, spacing))
    if not cases:
        raise InputError(
            f"{folder} holds no {' or '.join(organs)}", hint="choose other organs, or a folder"
        )
    return cases


def _each(
    names: Sequence[str], read: Callable[[str], Case], progress: Callable[[str, float], None]
) -> list[Case]:
    """Read skull after skull, and tell how far it is."""
    return share_out(
        len(names), lambda number: read(names[number]), partial(progress, "reading skulls")
    )


def _shape(name: str, mask: Volume, spacing: float) -> Case:
    """Make a case without an implant of a mask."""
    box = bounding_box(mask.array) or ((0, 0, 0), (1, 1, 1))
    mean = block_average(crop(mask, *box), spacing)
    whole = torch.from_numpy(mean.array)
    return Case(name, whole, whole.new_zeros(()).expand_as(whole), mean.geometry)


def _load(folder: Path, name: str, cache: Path) -> Case:
    """One case, from the cache if it is there."""
    paths = [path for path in case_files(folder, name) if path is not None]
    state = "|".join(f"{p.resolve()}:{p.stat().st_size}:{p.stat().st_mtime_ns}" for p in paths)
    digest = hashlib.sha256(f"{_CACHE_FORMAT}|{state}".encode()).hexdigest()[:16]
    path = cache / f"{name}-{digest}.npz"
    return _case(name, cached_arrays(path, lambda: _read(paths)))


def _read(paths: list[Path]) -> dict[str, Any]:
    """Read a skull, its implant if there is one, and find its plane."""
    volumes = [read_scan(path).volume for path in paths]
    skull, implant = volumes[0], volumes[-1]
    found = implant.array != 0 if len(volumes) > 1 else np.zeros(skull.array.shape, bool)
    known = Volume(found, implant.geometry)
    arrays = _coarse(as_mask(skull)[0], known)
    plane = skull_plane(Volume(arrays["skull"], _grid(arrays)))
    return arrays | {"point": np.asarray(plane.point), "normal": np.asarray(plane.normal)}


def _case(name: str, fields: dict[str, Any]) -> Case:
    """Make a case of what `_read` gives."""
    whole, implant = (torch.from_numpy(fields[field]) for field in ("skull", "implant"))
    plane = Plane.through(fields["point"], fields["normal"])
    return Case(name, whole, implant, _grid(fields), plane)


def _grid(fields: dict[str, Any]) -> Geometry:
    """Read the grid out of what `_coarse` gives."""
    size, spacing, origin, direction = (
        np.asarray(fields[field]).tolist() for field in ("size", "spacing", "origin", "direction")
    )
    return Geometry(tuple(size), tuple(spacing), tuple(origin), tuple(direction))


def _coarse(skull: Volume, implant: Volume) -> dict[str, Any]:
    """Block averages of both masks on one grid, ready for np.savez."""
    if skull.geometry != implant.geometry:
        raise InputError(
            "a skull and its implant lie on different grids",
            hint="both files of a case need the same size, spacing, origin and direction",
        )
    box = bounding_box(skull.array) or ((0, 0, 0), (1, 1, 1))
    coarse, piece = (block_average(crop(mask, *box)) for mask in (skull, implant))
    fields = {
        name: np.asarray(getattr(coarse.geometry, name))
        for name in ("size", "spacing", "origin", "direction")
    }
    return {"skull": coarse.array, "implant": piece.array, **fields}
