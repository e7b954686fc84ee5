"""What is needed of the header of one DICOM slice."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.filereader import read_file_meta_info

PARSE_ERRORS = (
    pydicom.errors.InvalidDicomError,
    pydicom.errors.BytesLengthException,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises on damaged files; such a file is reported as not readable, never ignored."""

DEFLATED = "1.2.840.10008.1.2.1.99"

_TAGS = [
    "AcquisitionNumber", "BodyPartExamined", "Columns", "ConvolutionKernel",
    "ImageOrientationPatient", "ImagePositionPatient", "ImageType", "InstanceNumber", "Modality",
    "NumberOfFrames", "PixelSpacing", "RescaleIntercept", "RescaleSlope", "Rows",
    "SamplesPerPixel", "SeriesDescription", "SeriesInstanceUID", "SeriesNumber",
]  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """One file of a series.

    Attributes:
        path: The file.
        syntax: Transfer syntax UID.
        series: SeriesInstanceUID, "" if absent.
        modality: "CT", "MR", …; "" if absent.
        label: Series number, description and kernel for messages.
        about: What is said of the part of the body: BodyPartExamined and the description.
        kernel: Convolution kernel, "" if absent.
        image_type: Such as ("ORIGINAL", "PRIMARY", "AXIAL").
        rows: Voxels along y of the image.
        columns: Voxels along x of the image.
        frames: Images in the file.
        samples: Numbers in each voxel (3 for colour).
        order: (acquisition, instance), to choose between duplicates.
        spacing: (between columns, between rows) in mm, or None.
        position: (3,) LPS mm of the first voxel, or None.
        orientation: (6,) directions of the rows and of the columns, or None.
        slope: RescaleSlope.
        intercept: RescaleIntercept.
    """

    path: Path
    syntax: str
    series: str
    modality: str
    label: str
    about: str
    kernel: str
    image_type: tuple[str, ...]
    rows: int
    columns: int
    frames: int
    samples: int
    order: tuple[int, int]
    spacing: tuple[float, float] | None
    position: NDArray[np.float64] | None
    orientation: NDArray[np.float64] | None
    slope: float
    intercept: float


def read_slice(path: Path) -> Slice | None:
    """Read the header of a file; None when it is not DICOM or holds no image.

    Raises:
        One of PARSE_ERRORS: The file begins as DICOM and is damaged.
    """
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on odd values; what matters is checked below
        meta = read_file_meta_info(path)
        syntax = str(meta.get("TransferSyntaxUID", pydicom.uid.ImplicitVRLittleEndian))
        if syntax == DEFLATED:  # would be inflated whole, whatever it inflates to
            raise NotImplementedError("the transfer syntax Deflated Explicit VR Little Endian")
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        if "Rows" not in header or "Columns" not in header:
            return None
        return _slice(path, syntax, header)


def _slice(path: Path, syntax: str, header: pydicom.Dataset) -> Slice:
    def text(key: str) -> str:
        return str(header.get(key) or "").strip()

    def numbers(key: str, count: int) -> NDArray[np.float64] | None:
        value: Any = header.get(key)
        if value is None or isinstance(value, str) or np.size(value) != count:
            return None
        found = np.asarray([float(item) for item in value])
        return found if np.isfinite(found).all() else None

    def number(key: str, default: float) -> float:
        value = header.get(key)
        return default if value is None or str(value) == "" else float(value)

    spacing = numbers("PixelSpacing", 2)  # (between rows, between columns)
    words = [text("SeriesNumber"), text("SeriesDescription"), text("ConvolutionKernel")]
    return Slice(
        path=path,
        syntax=syntax,
        series=text("SeriesInstanceUID"),
        modality=text("Modality"),
        label=", ".join(word for word in words if word) or "unnamed",
        about=f"{text('BodyPartExamined')} {text('SeriesDescription')}",
        kernel=text("ConvolutionKernel"),
        image_type=tuple(str(word) for word in header.get("ImageType") or ()),
        rows=int(header.Rows),
        columns=int(header.Columns),
        frames=int(number("NumberOfFrames", 1)),
        samples=int(number("SamplesPerPixel", 1)),
        order=(int(number("AcquisitionNumber", 0)), int(number("InstanceNumber", 0))),
        spacing=None if spacing is None else (float(spacing[1]), float(spacing[0])),
        position=numbers("ImagePositionPatient", 3),
        orientation=numbers("ImageOrientationPatient", 6),
        slope=number("RescaleSlope", 1.0),
        intercept=number("RescaleIntercept", 0.0),
    )
