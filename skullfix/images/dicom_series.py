"""Which series of a DICOM folder is the head CT."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skullfix.errors import InputError
from skullfix.images.dicom_slice import Slice

_SHARP = re.compile(r"BONE|EDGE|LUNG|SHARP|ULTRA|FC[389]\d|[BHJU][A-Z]?[6-9]\d", re.IGNORECASE)
_OTHER = {"LOCALIZER", "SCOUT", "MIP", "MPR", "PROJECTION IMAGE", "SCREEN SAVE", "SECONDARY"}
_HEAD = re.compile(
    r"HEAD|SKULL|BRAIN|CRAN|NEURO|KOPF|SCH[AÄ]DEL|CEREB|T[EÊ]TE|CABEZA", re.IGNORECASE
)
_ELSEWHERE = re.compile(
    r"CHEST|THORA|LUNG|ABD|PELV|SPINE|NECK|HEART|CARD|LIVER|KNEE|HIP\b|FOOT|HAND|SHOULDER",
    re.IGNORECASE,
)
_WHY = ("no localizer or reformat", "not of another part of the body", "axial", "most slices")


@dataclass(frozen=True)
class Choice:
    """The slices of one volume, and why they were chosen.

    Attributes:
        slices: In no order.
        text: What was chosen, why, and what was left; empty where there was no choice.
        warnings: What is doubtful about it.
    """

    slices: list[Slice]
    text: str
    warnings: tuple[str, ...]


def choose_series(name: str, slices: Sequence[Slice], series: str | None) -> Choice:
    """Choose the slices of one volume.

    Of the groups with the same series, size and orientation: CT before anything else, no
    localizers or reformats, none that is named after another part of the body, axial, most
    slices, a smooth kernel before a sharp one.

    Args:
        name: Folder name for the messages.
        slices: All slices found.
        series: SeriesInstanceUID wanted, or None.

    Raises:
        InputError: No such series, or none that is a CT volume.
    """
    everything = _groups(slices)
    if series is not None:
        wanted = [item for item in slices if item.series == series]
        if not wanted:
            raise InputError(
                f"{name} has no series {series!r}. {_listing(everything)}",
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
    others = [group for group in everything if group[0] not in best]
    if not others:
        return Choice(best, "", tuple(warnings))
    why = "asked for by its UID" if series is not None else _why(best, scans)
    text = (
        f"{name} holds {len(everything)} series of images; chosen: {_describe(best)}, because it "
        f"is {why}. Left out: {'; '.join(_describe(group) for group in others[:8])}"
        f"{f' and {len(others) - 8} more' if len(others) > 8 else ''}. "
        "--series UID decides otherwise."
    )
    return Choice(best, text, tuple(warnings))


def _why(best: list[Slice], scans: Sequence[list[Slice]]) -> str:
    """Say what sets a group apart from the other CT volumes: the first criterion that does."""
    others = [_rank(group) for group in scans if group is not best]
    if not others:
        return "the only CT volume"
    rank, runner_up = _rank(best), max(others)
    for place, reason in enumerate(_WHY):
        if rank[place] != runner_up[place]:
            return f"a CT with {reason}" if place in (0, 3) else f"a CT that is {reason}"
    if rank[4] != runner_up[4]:
        return "the CT with the smoother kernel of those with as many slices"
    return "one of several CT that are alike, the one with the highest UID"


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


def _rank(group: list[Slice]) -> tuple[bool, bool, bool, int, bool, str]:
    first = group[0]
    return (
        not _OTHER.intersection(first.image_type),
        bool(_HEAD.search(first.about)) or not _ELSEWHERE.search(first.about),
        _plane(first) == "axial",  # gantry tilt included
        len(group),
        not _SHARP.search(first.kernel),
        first.series,
    )


def _plane(item: Slice) -> str:
    """Name the plane of a slice."""
    if item.orientation is None:
        return "in no known plane"
    normal = np.abs(np.cross(item.orientation[:3], item.orientation[3:]))
    return (
        ("sagittal", "coronal", "axial")[int(normal.argmax())] if normal.max() > 0.7 else "oblique"
    )


def _describe(group: list[Slice]) -> str:
    first = group[0]
    count = f"{len(group)} slice{'s' if len(group) > 1 else ''} of {first.columns} x {first.rows}"
    about = f"{first.label}; {first.modality or 'no modality'}, {_plane(first)}, {count}"
    return f"{first.series or 'no UID'} ({about})"


def _listing(groups: list[list[Slice]]) -> str:
    return f"Found: {'; '.join(_describe(group) for group in groups[:8])}."
