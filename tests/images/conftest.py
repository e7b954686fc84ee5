from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from image_helpers import make_geometry, oblique

from skullfix.images.volume import Volume


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(1)
    array = rng.integers(-1000, 2000, (7, 6, 5)).astype(np.int16)
    return Volume(array, make_geometry(direction=oblique(3)))


DicomWriter = Callable[..., pydicom.Dataset]


@pytest.fixture
def write_slice() -> DicomWriter:
    """Writer of one CT slice; keywords replace header elements (None removes them)."""

    def write(path: Path, pixels: np.ndarray[Any, Any], **changes: Any) -> pydicom.Dataset:
        syntax = changes.pop("syntax", pydicom.uid.ExplicitVRLittleEndian)
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        meta.TransferSyntaxUID = syntax
        header = pydicom.Dataset()
        header.file_meta = meta
        header.SOPClassUID = meta.MediaStorageSOPClassUID
        header.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        header.SeriesInstanceUID = "1.2.3"
        header.StudyInstanceUID = "1.2"
        header.Modality = "CT"
        header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        header.Rows, header.Columns = pixels.shape
        header.SamplesPerPixel = 1
        header.PhotometricInterpretation = "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit = 15
        header.PixelRepresentation = 1
        header.PixelSpacing = [0.5, 0.4]
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.ImagePositionPatient = [-10.0, -20.0, 30.0]
        header.InstanceNumber = 1
        header.RescaleSlope, header.RescaleIntercept = 1, 0
        header.PixelData = pixels.astype("<i2").tobytes()
        for key, value in changes.items():
            if value is None:
                delattr(header, key)
            else:
                setattr(header, key, value)
        header.save_as(path, enforce_file_format=True)
        return header

    return write


@pytest.fixture
def write_series(write_slice: DicomWriter) -> Callable[..., np.ndarray[Any, Any]]:
    """Writer of a series whose voxels grow linearly with the world position; its array."""

    def write(
        folder: Path,
        heights: list[float],
        shape: tuple[int, int] = (6, 5),
        shear: float = 0.0,
        prefix: str = "s",
        **changes: Any,
    ) -> np.ndarray[Any, Any]:
        folder.mkdir(exist_ok=True)
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        planes = []
        for number, height in enumerate(heights):
            y0 = -20.0 + shear * (height - heights[0])
            pixels = np.rint(10 * height + 20 * (y0 + 0.5 * rows) + 30 * 0.4 * columns)
            # written in an order that neither names nor instance numbers give away
            name = f"{prefix}{(number * 7) % len(heights):03d}_{number}.dcm"
            write_slice(
                folder / name,
                pixels,
                ImagePositionPatient=[-10.0, y0, height],
                InstanceNumber=number + 1,
                **changes,
            )
            planes.append(pixels)
        return np.array(planes)

    return write
