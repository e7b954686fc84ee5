"""Read a scan or a mask, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skullfix.errors import InputError
from skullfix.files.opening import must_exist, opening
from skullfix.images.archive import unpacked
from skullfix.images.file_header import read_volume
from skullfix.images.formats import READABLE, SUFFIXES, Format, output_suffix, split_suffix
from skullfix.images.meta_header import read_meta_header
from skullfix.images.nrrd_header import read_nrrd_header
from skullfix.images.volume import Geometry, Volume

if TYPE_CHECKING:
    from skullfix.images.dicom_folder import DicomVolume


@dataclass(frozen=True)
class Scan:
    """A volume as it was read.

    Attributes:
        volume: The voxels, in the file's own dtype, and their grid.
        format: "nrrd", "nifti", "metaimage" or "dicom".
        suffix: Suffix for outputs in the input's format, lower case; ".nrrd" for DICOM and .nhdr,
            ".mha" for .mhd.
        stem: File name without the suffix; name of the folder or zip for DICOM.
        warnings: What was changed or assumed, one sentence each.
        own_grid: The file's grid where its axes are not right-angled; ``volume`` lies on the
            nearest one that is, outputs on the file's own.
        series: SeriesInstanceUID of DICOM, else empty.
        choice: Which series of a folder was chosen and why; empty where there was no choice.
    """

    volume: Volume
    format: Format
    suffix: str
    stem: str
    warnings: tuple[str, ...]
    own_grid: Geometry | None = None
    series: str = ""
    choice: str = ""


def read_scan(path: Path, *, series: str | None = None) -> Scan:
    """Read a scan or a mask.

    Args:
        path: A NRRD, NIfTI or MetaImage file, a DICOM folder, or a zip of one.
        series: SeriesInstanceUID to read, where a folder holds several; only for DICOM.

    Returns:
        The volume with its geometry in LPS millimetres.

    Raises:
        InputError: Missing, damaged, not a 3-D volume of real numbers, or beyond the limits.
    """
    path = Path(path)
    with opening(path):
        return _read(path, series)


def _read(path: Path, series: str | None) -> Scan:
    must_exist(path)
    if path.is_dir() or path.suffix.lower() == ".zip":
        return _read_dicom(path, series)
    if series is not None:
        raise InputError(
            f"A series was asked for, but {path.name} is a single file.",
            hint="Leave the series out, or give a DICOM folder.",
        )
    stem, suffix = split_suffix(path.name)
    if not suffix:
        raise InputError(
            f"{path.name} has no suffix that skullfix knows. It reads {READABLE}.",
            hint="Give the folder of a DICOM series, not one of its files; convert other formats.",
        )
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty.", hint="Copy or export it again.")
    form = SUFFIXES[suffix]
    if form == "nifti":
        from skullfix.images.nifti import read_nifti  # nibabel takes long to import

        image = read_nifti(path)
    else:
        header = read_nrrd_header(path) if form == "nrrd" else read_meta_header(path)
        image = read_volume(path.name, header)
    return Scan(image.volume, form, output_suffix(suffix), stem, image.warnings, image.own_grid)


def _read_dicom(path: Path, series: str | None) -> Scan:
    """Read a folder or a zip of one."""
    # pydicom takes long to import, and other files do not need it
    from skullfix.images.dicom_folder import read_dicom_folder

    if path.is_dir():
        return _dicom(read_dicom_folder(path, series=series), path.resolve().name)
    with unpacked(path) as folder:
        found = read_dicom_folder(folder, series=series, name=path.name)
    return _dicom(found, path.name[: -len(".zip")])


def _dicom(found: DicomVolume, stem: str) -> Scan:
    """Give a DICOM series as a scan, whose outputs are NRRD files."""
    return Scan(
        found.volume,
        "dicom",
        ".nrrd",
        stem,
        found.warnings,
        series=found.series,
        choice=found.choice,
    )
