"""Which series of a DICOM folder is the head CT."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from skullfix.errors import InputError
from skullfix.images.dicom_slice import Slice

_SHARP = re.compile(r"BONE|EDGE|LUNG|SHARP|ULTRA|FC[389]\d|[BHJU][A-Z]?[6-9]\d", re.IGNORECASE)
_OTHER = {"LOCALIZER", "SCOUT", "MIP", "MPR", "PROJECTION IMAGE", "SCREEN SAVE", "SECONDARY"}


def choose_series(
    name: str, slices: Sequence[Slice], series: str | None
) -> tuple[list[Slice], tuple[str, ...]]:
    """Choose the slices of one volume.

    Of the groups with the same series, size and orientation: CT before anything else, no
    localizers or reformats, axial, most slices, a smooth kernel before a sharp one.

    Args:
        name: Folder name for the messages.
        slices: All slices found.
        series: SeriesInstanceUID wanted, or None.

    Returns:
        The slices of the volume, in no order, and warnings saying what was chosen and why.

    Raises:
        InputError: No such series, or none that is a CT volume.
    """
    if series is not None:
        wanted = [item for item in slices if item.series == series]
        if not wanted:
            raise InputError(
                f"{name} has no series {series!r}. {_listing(_groups(slices))}",
                hint="Give one of these UIDs.",
            )
        slices = wanted
    groups = _groups(slices)
    volumes = [group for group in groups if _is_volume(group)]
    if not volumes:
        raise InputError(
            f"{name} has no series that is a volume (two or more single-frame grey slices with "
            f"position, orientation and pixel spacing). {_listing(groups)}",
            hint="Export the CT as a classic series, one file for each slice.",
        )
    scans = [group for group in volumes if group[0].modality == "CT"]
    if not scans and series is None:
        raise InputError(
            f"{name} has no CT series. {_listing(groups)}",
            hint="Give a CT; if one of these is meant, choose it by its UID.",
        )
    best = max(scans or volumes, key=_rank)
    warnings: list[str] = []
    if best[0].modality != "CT":
        warnings.append(
            f"The chosen series is {best[0].modality or 'of unknown modality'}, not CT; its "
            "values are read as Hounsfield units."
        )
    others = [group for group in groups if group is not best]
    if others:
        warnings.append(
            f"{name} holds {len(groups)} groups of slices; series {best[0].series} "
            f"({best[0].label}; {len(best)} slices) was chosen: "
            f"{'asked for' if series is not None else 'CT, axial, most slices'}. "
            f"Left out: {'; '.join(_describe(group) for group in others[:8])}."
        )
    return best, tuple(warnings)


def _groups(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Slices of one series, size and orientation together; largest group first."""
    groups: dict[tuple[object, ...], list[Slice]] = defaultdict(list)
    for item in slices:
        axes = () if item.orientation is None else tuple(np.round(item.orientation, 2) + 0.0)
        groups[item.series, item.rows, item.columns, axes].append(item)
    return sorted(groups.values(), key=lambda group: (-len(group), group[0].series))


def _is_volume(group: list[Slice]) -> bool:
    return len(group) > 1 and all(
        item.frames == 1
        and item.samples == 1
        and item.position is not None
        and item.orientation is not None
        and item.spacing is not None
        for item in group
    )


def _rank(group: list[Slice]) -> tuple[bool, bool, int, bool, str]:
    first = group[0]
    assert first.orientation is not None
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    return (
        not _OTHER.intersection(first.image_type),
        bool(abs(normal[2]) > 0.7),  # axial, gantry tilt included
        len(group),
        not _SHARP.search(first.kernel),
        first.series,
    )


def _describe(group: list[Slice]) -> str:
    first = group[0]
    shape = f"{len(group)} x {first.columns} x {first.rows}"
    return f"{first.series or 'no UID'} ({first.modality or '?'}; {first.label}; {shape})"


def _listing(groups: list[list[Slice]]) -> str:
    return f"Found: {'; '.join(_describe(group) for group in groups[:8])}."
