"""Folders of organ masks, in the two layouts that are published.

``SUBJECT/ORGAN.nii.gz``, one binary mask a file (TotalSegmentator's data set), and
``Patient_XX/GT.nii.gz``, a label map (SegTHOR): 1 esophagus, 2 heart, 3 trachea, 4 aorta.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skullfix.errors import InputError
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume

SEGTHOR_LABELS = {"esophagus": 1, "heart": 2, "trachea": 3, "aorta": 4}
ORGANS = tuple(sorted(SEGTHOR_LABELS))
_SUFFIXES = (".nii.gz", ".nrrd", ".mha")


@dataclass(frozen=True)
class OrganFile:
    """One organ of one subject.

    Attributes:
        subject: The folder's name.
        organ: One of ORGANS.
        path: The file.
        label: Its value in a label map; None for a binary mask.
    """

    subject: str
    organ: str
    path: Path
    label: int | None


def organ_files(folder: Path) -> list[OrganFile]:
    """Find the organs of every subject, sorted by subject and organ.

    Raises:
        InputError: There is none.
    """
    found = []
    for subject in sorted(p for p in folder.iterdir() if p.is_dir()):
        labelled = next((p for s in _SUFFIXES if (p := subject / f"GT{s}").is_file()), None)
        for organ in ORGANS:
            own = next((p for s in _SUFFIXES if (p := subject / f"{organ}{s}").is_file()), None)
            if own is not None:
                found.append(OrganFile(subject.name, organ, own, None))
            elif labelled is not None:
                label = SEGTHOR_LABELS[organ]
                found.append(OrganFile(subject.name, organ, labelled, label))
    if not found:
        raise InputError(
            f"{folder} holds no organ masks",
            hint="expected SUBJECT/aorta.nii.gz (or heart, trachea, esophagus), or "
            "Patient_XX/GT.nii.gz",
        )
    return found


def read_organ(file: OrganFile) -> Volume | None:
    """Read an organ's mask, bool (z, y, x); None where a label map does not hold it."""
    volume = read_scan(file.path).volume
    if file.label is None:
        return as_mask(volume)[0]
    mask = volume.array == file.label
    return Volume(mask, volume.geometry) if bool(np.any(mask)) else None
