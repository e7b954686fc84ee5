"""The two published layouts of organ masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skullfix.cases.organs import organ_files, read_organ
from skullfix.errors import InputError
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume

GEOMETRY = Geometry((6, 5, 4), (1.5,) * 3, (0.0,) * 3, (1, 0, 0, 0, 1, 0, 0, 0, 1))


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(Volume(array.astype(np.uint8), GEOMETRY), path)


def test_one_file_an_organ(tmp_path: Path) -> None:
    mask = np.zeros(GEOMETRY.shape)
    mask[1:3, 1:3, 1:3] = 1
    save(tmp_path / "s2" / "aorta.nii.gz", mask)
    save(tmp_path / "s1" / "heart.nii.gz", mask)
    save(tmp_path / "s1" / "liver.nii.gz", mask)  # not one of ours
    found = organ_files(tmp_path)
    assert [(f.subject, f.organ, f.label) for f in found] == [
        ("s1", "heart", None),
        ("s2", "aorta", None),
    ]
    read = read_organ(found[0])
    assert read is not None
    assert int(read.array.sum()) == 8


def test_label_maps_of_segthor(tmp_path: Path) -> None:
    labels = np.zeros(GEOMETRY.shape)
    labels[0, 0, :2], labels[1, 1, :3], labels[2, 2, :4] = 1, 2, 4
    save(tmp_path / "Patient_03" / "GT.nii.gz", labels)
    found = {f.organ: read_organ(f) for f in organ_files(tmp_path)}
    sizes = {organ: None if m is None else int(m.array.sum()) for organ, m in found.items()}
    assert sizes == {"aorta": 4, "esophagus": 2, "heart": 3, "trachea": None}


def test_a_folder_without_organs(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no organ masks"):
        organ_files(tmp_path)


@pytest.mark.real
def test_real_organs(real_data: Path) -> None:
    found = organ_files(real_data / "organs")
    assert len(found) == 7
    aorta = read_organ(next(f for f in found if (f.subject, f.organ) == ("s0004", "aorta")))
    assert aorta is not None
    volume = float(aorta.array.sum()) * aorta.geometry.voxel_volume_ml
    assert volume == pytest.approx(192, abs=1)
