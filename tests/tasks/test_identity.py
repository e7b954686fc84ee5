"""Who the patient is stays in the DICOM files."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from skullfix.images.phantom import head_phantom
from skullfix.tasks.complete import complete
from skullfix.tasks.complete_options import CompleteOptions

SECRETS = {
    "PatientName": "Featherstone^Ophelia",
    "PatientID": "MRN-8842617",
    "PatientBirthDate": "19510203",
    "AccessionNumber": "ACC-55190",
    "ReferringPhysicianName": "Quackenbush^Igor",
    "InstitutionName": "Saint Elsewhere",
    "StudyDescription": "Fall from a ladder",
    "OtherPatientIDs": "SSN-078-05-1120",
    "PatientComments": "brother of the mayor",
}


def write_series(folder: Path) -> None:
    """A head with a hole as a CT series that says everything about its patient."""
    patient = head_phantom(spacing=(2.0, 2.0, 2.0))
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    x, y, z = patient.ct.geometry.origin
    folder.mkdir()
    for number, plane in enumerate(patient.ct.array):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        for name, value in SECRETS.items():
            setattr(data, name, value)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.StudyInstanceUID, data.SeriesInstanceUID = study, series
        data.FrameOfReferenceUID, data.Modality = frame, "CT"
        data.InstanceNumber = number + 1
        data.ImagePositionPatient = [x, y, z + 2.0 * number]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [2.0, 2.0], 2.0
        data.Rows, data.Columns = plane.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleIntercept, data.RescaleSlope = 0, 1
        data.PixelData = np.rint(plane).astype("<i2").tobytes()
        pydicom.dcmwrite(folder / f"{number:04d}.dcm", data, enforce_file_format=True)


def readable(path: Path) -> bytes:
    """All of a file, and what is compressed in it."""
    data = path.read_bytes()
    if path.suffix == ".nrrd":
        head, _, body = data.partition(b"\n\n")
        return head + (gzip.decompress(body) if b"encoding: gzip" in head else body)
    if path.suffix == ".html":
        packed = re.findall(rb'"(H4sI[A-Za-z0-9+/=]+)"', data)
        assert packed
        return data + b"".join(gzip.decompress(base64.b64decode(text)) for text in packed)
    return data


def test_no_output_names_the_patient(tmp_path: Path) -> None:
    write_series(tmp_path / "case12")
    result = complete(tmp_path / "case12", tmp_path / "out", CompleteOptions(save_bone=True))
    assert result.status == "success"
    files = sorted((tmp_path / "out").iterdir())
    assert {p.suffix for p in files} == {".nrrd", ".stl", ".html", ".png", ".json"}
    words = {part for value in SECRETS.values() for part in re.split(r"\^", value)}
    uids = {str(pydicom.dcmread(next((tmp_path / "case12").iterdir())).StudyInstanceUID)}
    for path in files:
        content = readable(path)
        for word in words | uids:
            assert word.encode() not in content, f"{word} is in {path.name}"
    page = (tmp_path / "out" / "case12_report.html").read_text(encoding="utf-8")
    assert str(tmp_path) not in page
    assert "case12" in page
    assert json.loads((tmp_path / "out" / "case12_result.json").read_text())["status"] == "success"
