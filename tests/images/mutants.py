"""Damaged image files in endless variety; run as a program, it feeds them to the reader.

    python mutants.py SUFFIX COUNT SEED

Each mutant of a small valid file must be refused with an InputError or read as a sound volume.
Prints one line for each that is not; ends with "done N". A crash of the interpreter shows in the
exit status, and the mutant that caused it is left in the folder that is printed first.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import re
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from image_helpers import write_any

from skullfix.errors import InputError
from skullfix.images.read import read_scan
from skullfix.images.volume import Geometry, Volume

MAX_SECONDS = 10.0
GRID = Geometry((6, 5, 4), (0.5, 0.5, 1.0), (1.0, 2.0, 3.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
TOKENS = [
    b"0", b"-1", b"1", b"4", b"5", b"nan", b"inf", b"1e308", b"1e-308", b"65536", b"2147483648",
    b"99999999999999999999", b"", b" ", b"\n", b"\n\n", b"\r\n", b"\0", b"\xff" * 9, b"=", b":",
    b"(", b")", b",", b"none", b"True", b"LOCAL", b"LIST", b"%d", b"../a", b"float", b"block",
    b"double", b"MET_DOUBLE", b"MET_OTHER", b"ascii", b"bzip2", b"hex", b"raw", b"gzip", b"big",
    b"A" * 5000,
]  # fmt: skip


def seed_file(folder: Path, suffix: str, packed: bool) -> Path:
    """Write a small valid file of a format, compressed or not."""
    array = np.arange(120, dtype=np.int16).reshape(4, 5, 6) - 60
    path = folder / f"seed{suffix}"
    if suffix in (".dcm", ".zip"):
        return _dicom(folder, array, suffix)
    if suffix == ".jpeg":
        return _jpeg(folder, array, "JPEG" if packed else "JPEG2000")
    write_any(Volume(array, GRID), path)
    if suffix == ".nrrd" and not packed:
        head = path.read_bytes().split(b"\n\n")[0].replace(b"gzip", b"raw")
        path.write_bytes(head + b"\n\n" + array.tobytes())
    if suffix == ".mha" and not packed:
        head = re.sub(rb"Compressed.*\n", b"", path.read_bytes().split(b"LOCAL\n")[0])
        path.write_bytes(head + b"LOCAL\n" + array.tobytes())
    return path


def _dicom(folder: Path, array: np.ndarray, suffix: str) -> Path:  # type: ignore[type-arg]
    target = folder / "series"
    target.mkdir(exist_ok=True)
    for number, plane in enumerate(array):
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        header = pydicom.Dataset()
        header.file_meta = meta
        header.SeriesInstanceUID, header.Modality = "1.2.3", "CT"
        header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        header.Rows, header.Columns = plane.shape
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation = 15, 1
        header.PixelSpacing, header.ImageOrientationPatient = [0.5, 0.5], [1, 0, 0, 0, 1, 0]
        header.ImagePositionPatient, header.InstanceNumber = [0, 0, number], number
        header.RescaleSlope, header.RescaleIntercept = 1, 0
        header.PixelData = plane.tobytes()
        header.save_as(target / f"{number}.dcm", enforce_file_format=True)
    if suffix == ".dcm":
        return target / "2.dcm"
    path = folder / "seed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in sorted(target.iterdir()):
            archive.write(item, item.name)
    return path


def _zipped(series: Path, damaged: bytes) -> bytes:
    """Make a sound archive of a series in which one slice is damaged."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for item in sorted(series.iterdir()):
            archive.writestr(item.name, damaged if item.name == "2.dcm" else item.read_bytes())
    return held.getvalue()


def _jpeg(folder: Path, array: np.ndarray, compressor: str) -> Path:  # type: ignore[type-arg]
    array = np.kron(array + 60, np.ones((1, 4, 4))).astype(np.uint16)
    _dicom(folder, array, ".dcm")
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    path = folder / "series" / "2.dcm"
    plain = pydicom.dcmread(path)
    writer.SetFileName(str(path))
    writer.Execute(sitk.GetImageFromArray(array[2:3]))
    header = pydicom.dcmread(path)
    keys = "SeriesInstanceUID Modality ImageOrientationPatient PixelSpacing ImagePositionPatient"
    for key in (*keys.split(), "RescaleSlope", "RescaleIntercept", "ImageType"):
        setattr(header, key, getattr(plain, key))
    header.save_as(path)
    return path


def seed_jpeg(folder: Path, compressor: str) -> Path:
    """Write a valid series of four slices, one of them compressed, 24 x 20 pixels; that one.

    Args:
        folder: Where.
        compressor: ITK's name: JPEG or JPEG2000.
    """
    array = np.arange(120, dtype=np.int16).reshape(4, 5, 6) - 60
    return _jpeg(folder, array, compressor)


def mutate(raw: bytes, rng: random.Random) -> bytes:
    """Change a file in one to six places: bits, bytes, tokens, lines, its end."""
    data = bytearray(raw)
    header = data.find(b"\n\n") if raw.startswith(b"NRRD") else data.find(b"LOCAL\n")
    end = header if header > 0 else min(len(data), 600)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        place = rng.randrange(max(end, 1)) if rng.random() < 0.8 else rng.randrange(len(data) + 1)
        kind = rng.randrange(8)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1 and place < len(data):
            data[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            width = rng.choice((2, 4, 8))
            value = rng.choice((0, -1, 1, 2**15 - 1, -(2**15), 2**31 - 1, 2**63 - 1))
            value &= (1 << 8 * width) - 1
            data[place : place + width] = value.to_bytes(width, rng.choice(("little", "big")))
        elif kind == 3:
            data[place:place] = rng.choice(TOKENS)
        elif kind == 4:
            words = list(re.finditer(rb"[^\s:=]+", bytes(data[:end]))) or [None]
            word = rng.choice(words)
            if word is not None:
                data[word.start() : word.end()] = rng.choice(TOKENS)
        elif kind == 5:
            del data[place : place + rng.randrange(1, 40)]
        elif kind == 6:
            lines = bytes(data).split(b"\n")
            line = rng.randrange(min(len(lines), 14))
            if rng.random() < 0.5:
                del lines[line]
            else:
                lines.insert(rng.randrange(line + 1), lines[line])
            data = bytearray(b"\n".join(lines))
        else:
            del data[rng.randrange(len(data) + 1) :]
        if not data:
            break
    return bytes(data)


def sound(volume: Volume) -> bool:
    """Tell whether a volume that was read can be believed."""
    axes = np.reshape(volume.geometry.direction, (3, 3))
    return bool(
        volume.array.shape == volume.geometry.shape
        and np.isfinite(volume.geometry.affine()).all()
        and min(volume.geometry.spacing) > 0
        and np.allclose(axes.T @ axes, np.eye(3), atol=1e-4)
        and volume.array.dtype.kind in "iuf"
    )


def run(suffix: str, count: int, seed: int) -> None:
    """Feed mutants to the reader and print what went wrong."""
    rng = random.Random(seed)
    read = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = []
        for packed in (True, False):
            raw = seed_file(folder, suffix, packed).read_bytes()
            seeds.append(gzip.decompress(raw) if suffix == ".nii.gz" and not packed else raw)
        dicom = suffix in (".dcm", ".jpeg")
        path = folder / "series" / "2.dcm" if dicom else folder / f"mutant{suffix}"
        print(path, flush=True)
        for number in range(count):
            which = number % 2
            data = mutate(seeds[which], rng)
            if suffix == ".nii.gz" and which == 1:
                data = gzip.compress(data, 1)  # a sound stream around a damaged image
            if suffix == ".zip" and which == 1:
                data = _zipped(
                    folder / "series", mutate((folder / "series/2.dcm").read_bytes(), rng)
                )
            path.write_bytes(data)
            start = time.perf_counter()
            noise = io.StringIO()
            try:
                with contextlib.redirect_stdout(noise), contextlib.redirect_stderr(noise):
                    scan = read_scan(path.parent if dicom else path)
                read += 1
                if not sound(scan.volume):
                    print(f"{number}: unsound {scan.volume.geometry}", flush=True)
            except InputError as error:
                if not error.hint or not error.message or len(str(error)) > 3000:
                    print(f"{number}: a poor message: {error!r}", flush=True)
            except Exception:
                print(f"{number}: {traceback.format_exc()}", flush=True)
            if noise.getvalue():
                print(f"{number}: noise {noise.getvalue()!r}", flush=True)
            if time.perf_counter() - start > MAX_SECONDS:
                print(f"{number}: took {time.perf_counter() - start:.0f} s", flush=True)
    print(f"done {count}, of which {read} were read", flush=True)


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
