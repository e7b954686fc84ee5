"""The voxels of one DICOM slice in Hounsfield units."""

from __future__ import annotations

import struct
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from skullfix.errors import InputError
from skullfix.images.dicom_slice import PARSE_ERRORS, Slice
from skullfix.images.jpeg import check_jpeg
from skullfix.images.jpeg2000 import check_codestream
from skullfix.images.limits import MAX_IMAGE_RATIO
from skullfix.images.payload import DAMAGED
from skullfix.images.untyped import sitk

_BY_PYDICOM = {
    "1.2.840.10008.1.2",  # implicit VR little endian
    "1.2.840.10008.1.2.1",  # explicit VR little endian
    "1.2.840.10008.1.2.2",  # explicit VR big endian
    "1.2.840.10008.1.2.5",  # RLE lossless
}
_BY_GDCM = {
    "1.2.840.10008.1.2.4.50",  # JPEG baseline
    "1.2.840.10008.1.2.4.51",  # JPEG extended
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first order: the usual one in archives
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near lossless
}
_JPEG_2000 = {
    "1.2.840.10008.1.2.4.90",  # lossless
    "1.2.840.10008.1.2.4.91",
}

_ITEM = b"\xfe\xff\x00\xe0"


def check_syntax(item: Slice) -> None:
    """Refuse a transfer syntax that cannot be decoded, by its name.

    Raises:
        InputError: The syntax is not one of those above.
    """
    if item.syntax not in _BY_PYDICOM | _BY_GDCM | _JPEG_2000:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it may be no UID at all
            name = str(pydicom.uid.UID(item.syntax).name)
        raise InputError(
            f"{item.path.name} is compressed with {name[:64]!r} ({item.syntax[:64]!r}), which "
            "cannot be decoded.",
            hint="Export the series uncompressed (Explicit VR Little Endian).",
        )


def check_promise(item: Slice) -> None:
    """Refuse a compressed slice whose header promises more pixels than its file can hold.

    Raises:
        InputError: More than MAX_IMAGE_RATIO bytes for each byte of the file.
    """
    size = item.path.stat().st_size
    if item.syntax not in _BY_PYDICOM and 2 * item.rows * item.columns > MAX_IMAGE_RATIO * size:
        raise InputError(
            f"{item.path.name} promises {item.columns} x {item.rows} pixels in {size:,} bytes.",
            hint=DAMAGED,
        )


def read_pixels(item: Slice) -> NDArray[np.float32]:
    """Decode one slice.

    Args:
        item: The slice; its syntax has been checked.

    Returns:
        (rows, columns) float32, Hounsfield units (RescaleSlope and RescaleIntercept applied).

    Raises:
        InputError: The pixel data is damaged or has another size than the header says.
    """
    try:
        if item.syntax in _BY_PYDICOM:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on surplus padding; the shape is checked below
                stored: NDArray[Any] = pydicom.dcmread(item.path).pixel_array
        else:
            stored = _decode(item)
        pixels = stored.astype(np.float32) * np.float32(item.slope)
        pixels += np.float32(item.intercept)
    except (*PARSE_ERRORS, RuntimeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"The pixels of {item.path.name} cannot be read: {lines[-1]}", hint=DAMAGED
        ) from error
    if pixels.size != item.rows * item.columns:
        raise InputError(
            f"{item.path.name} has pixels of the shape {pixels.shape}; "
            f"{item.rows} x {item.columns} were expected.",
            hint=DAMAGED,
        )
    return pixels.reshape(item.rows, item.columns)


def _decode(item: Slice) -> NDArray[Any]:
    """Decode a compressed slice by GDCM, as it is stored.

    GDCM does not get the file, where one false length makes it take gigabytes, but a new one that
    holds the compressed pixels and what they need.
    """
    header, stream = _stream(item)
    check = check_codestream if item.syntax in _JPEG_2000 else check_jpeg
    check(stream, item.rows, item.columns)
    bits, stored, signed = header.BitsAllocated, header.BitsStored, header.PixelRepresentation
    if bits not in (8, 16) or not 1 <= stored <= bits or signed not in (0, 1):
        raise ValueError(f"{stored} of {bits} bits, sign {signed}, are no greyscale pixels")
    plain = pydicom.Dataset()
    plain.file_meta = pydicom.dataset.FileMetaDataset()
    plain.file_meta.MediaStorageSOPClassUID = plain.SOPClassUID = pydicom.uid.CTImageStorage
    plain.file_meta.MediaStorageSOPInstanceUID = plain.SOPInstanceUID = pydicom.uid.UID("1.2.3")
    plain.file_meta.TransferSyntaxUID = pydicom.uid.UID(item.syntax)
    plain.SamplesPerPixel, plain.PhotometricInterpretation = 1, "MONOCHROME2"
    plain.Rows, plain.Columns = item.rows, item.columns
    plain.BitsAllocated, plain.BitsStored, plain.HighBit = bits, stored, stored - 1
    plain.PixelRepresentation = signed
    plain.PixelData = pydicom.encaps.encapsulate([stream])
    with tempfile.TemporaryDirectory(prefix="skullfix-") as folder:
        path = Path(folder) / "slice.dcm"
        plain.save_as(path, enforce_file_format=True)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        found: NDArray[Any] = sitk.GetArrayFromImage(reader.Execute())
    return found


def _stream(item: Slice) -> tuple[pydicom.Dataset, bytes]:
    """Header and compressed pixels of a slice, its fragments joined (DICOM PS3.5, A.4)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on an end that is missing; what is there is checked
        header = pydicom.dcmread(item.path)
        data = bytes(header.PixelData)
    place, fragments = 0, []
    while data[place : place + 4] == _ITEM:
        (length,) = struct.unpack_from("<I", data, place + 4)
        fragments.append(data[place + 8 : place + 8 + length])
        place += 8 + length
    return header, b"".join(fragments[1:])  # the first one is a table of offsets
