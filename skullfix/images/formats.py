"""The file formats by the suffix of the name."""

from __future__ import annotations

from typing import Literal

Format = Literal["nrrd", "nifti", "metaimage", "dicom"]

SUFFIXES: dict[str, Format] = {
    ".nii.gz": "nifti",
    ".nii": "nifti",
    ".nrrd": "nrrd",
    ".nhdr": "nrrd",
    ".mha": "metaimage",
    ".mhd": "metaimage",
}
"""Suffix (lower case) -> format, longest first."""

READABLE = (
    "NRRD (.nrrd, .nhdr), NIfTI (.nii, .nii.gz), MetaImage (.mha, .mhd), DICOM (folder, .zip)"
)


_IN_ONE_FILE = {".nhdr": ".nrrd", ".mhd": ".mha"}


def output_suffix(suffix: str) -> str:
    """Give the suffix of outputs in an input's format: never a header with its voxels beside it."""
    return _IN_ONE_FILE.get(suffix, suffix)


def split_suffix(name: str) -> tuple[str, str]:
    """Split a file name into (stem, suffix); the suffix is one of SUFFIXES, or "" if unknown."""
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], suffix
    return name, ""
