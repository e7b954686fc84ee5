"""A mask alone, and a mask with its bone, become solids that other libraries read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from command import skullfix

from skullfix.errors import InputError, OutputError, UsageError
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.implants.options import FitOptions
from skullfix.tasks.mesh import MeshOptions, mesh

TURNED = (0.0, -0.96, 0.28, 1.0, 0.0, 0.0, 0.0, 0.28, 0.96)  # of determinant 1
ALONE = FitOptions()


def place(array: np.ndarray, spacing: tuple[float, float, float] = (0.7, 0.7, 0.9)) -> Volume:
    size = (array.shape[2], array.shape[1], array.shape[0])
    return Volume(array.astype(np.uint8), Geometry(size, spacing, (12.0, -40.0, 7.5), TURNED))


def plate() -> np.ndarray:
    """A disc, 4 voxels thick, in a wall that it fills."""
    y, x = np.mgrid[:70, :70]
    mask = np.zeros((24, 70, 70), bool)
    mask[10:14] = np.hypot(x - 35, y - 33) < 20
    return mask


def wall() -> np.ndarray:
    whole = np.zeros((24, 70, 70), bool)
    whole[10:14] = True
    whole[0:3] = True  # the middle of the head lies below
    return whole


def write(array: np.ndarray, path: Path) -> Path:
    write_volume(place(array), path)
    return path


def made(path: Path, folder: Path, **values: object) -> dict[str, object]:
    fit = FitOptions(**values) if values else ALONE  # type: ignore[arg-type]
    return mesh(path, folder, MeshOptions(fit)).document


@pytest.mark.parametrize("space", ["lps", "ras"])
@pytest.mark.parametrize("form", ["stl", "ply", "obj", "3mf"])
def test_every_format_is_read_back_where_the_mask_lies(
    form: str, space: str, tmp_path: Path
) -> None:
    path = write(plate(), tmp_path / "plate.nrrd")
    options = MeshOptions(ALONE, mesh_format=form, space=space)  # type: ignore[arg-type]
    result = mesh(path, tmp_path / "out", options)
    solid = trimesh.load(tmp_path / "out" / f"plate.{form}", force="mesh")
    solid.merge_vertices()
    assert solid.is_watertight
    volume = place(plate())
    expected = np.count_nonzero(volume.array) * volume.geometry.voxel_volume_ml
    assert solid.volume / 1000 == pytest.approx(expected, rel=0.02)
    index = np.argwhere(volume.array).mean(0)[::-1]
    centre = (volume.geometry.affine() @ [*index, 1])[:3]
    np.testing.assert_allclose(
        solid.center_mass * ([1, 1, 1] if space == "lps" else [-1, -1, 1]), centre, atol=0.1
    )
    assert result.document["implant"]["watertight"] is True
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        [f"plate.{form}", "plate_result.json"]
    )


@pytest.mark.parametrize("smooth", [0.5, 1.5, 4.0])
def test_smoothing_keeps_the_volume_of_a_thin_plate(smooth: float, tmp_path: Path) -> None:
    path = write(plate(), tmp_path / "plate.nrrd")
    told = made(path, tmp_path / "a", smooth_mm=smooth, decimate_mm=0.05)["implant"]
    assert told["volume_ml"] == pytest.approx(told["mask_volume_ml"], rel=0.02)  # type: ignore[index]
    assert told["components"] == 1  # type: ignore[index]


def test_several_pieces_and_a_void_are_kept(tmp_path: Path) -> None:
    mask = plate()
    mask[2:8, 2:10, 2:10] = True
    mask[4:6, 4:8, 4:8] = False
    told = made(write(mask, tmp_path / "m.nrrd"), tmp_path / "a")["implant"]
    assert told["components"] == 3  # type: ignore[index]
    assert told["volume_ml"] == pytest.approx(told["mask_volume_ml"], rel=0.02)  # type: ignore[index]


@pytest.mark.parametrize("completed", [False, True])
def test_a_bone_fits_the_solid_into_its_hole(completed: bool, tmp_path: Path) -> None:
    path = write(plate(), tmp_path / "plate.nrrd")
    bone = write(wall() if completed else wall() & ~plate(), tmp_path / "bone.nrrd")
    options = MeshOptions(FitOptions(clearance_mm=1.0))
    document = mesh(path, tmp_path / "out", options, bone=bone).document
    piece = document["implant"]["pieces"][0]
    assert piece["gap_mean"] == pytest.approx(1.0, abs=0.7)
    assert piece["rim_length"] == pytest.approx(2 * np.pi * 14, rel=0.08)
    assert document["implant"]["volume_ml"] < document["implant"]["mask_volume_ml"]
    assert completed == any("completed skull" in w for w in document["warnings"])


def test_a_bone_in_another_format_is_on_the_same_grid(tmp_path: Path) -> None:
    path = write(plate(), tmp_path / "plate.nrrd")
    for name in ("bone.nii.gz", "bone.mha"):
        bone = write(wall() & ~plate(), tmp_path / name)
        document = mesh(path, tmp_path / name.split(".")[1], MeshOptions(ALONE), bone=bone).document
        assert document["implant"]["watertight"]


def test_what_needs_a_bone_is_refused_without_one(tmp_path: Path) -> None:
    path = write(plate(), tmp_path / "plate.nrrd")
    for values in ({"clearance_mm": 1.0}, {"edge": "bevel"}, {"fix_undercuts": True}):
        with pytest.raises(UsageError, match="without a bone"):
            made(path, tmp_path / "a", **values)
    assert not (tmp_path / "a").exists()


def test_bad_masks_and_files_in_the_way_are_refused(tmp_path: Path) -> None:
    path = write(plate(), tmp_path / "plate.nrrd")
    other = tmp_path / "other.nrrd"
    write_volume(place(wall(), (1.0, 1.0, 1.0)), other)
    with pytest.raises(InputError, match="lie apart by up to"):
        mesh(path, None, MeshOptions(FitOptions()), bone=other)
    with pytest.raises(InputError, match="no bone near the implant") as caught:
        mesh(path, tmp_path / "self", MeshOptions(FitOptions()), bone=path)
    assert "and not the piece itself" in caught.value.hint
    with pytest.raises(InputError, match="empty"):
        made(write(np.zeros((9, 9, 9)), tmp_path / "empty.nrrd"), tmp_path)
    (tmp_path / "plate.stl").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        made(path, tmp_path)
    assert (tmp_path / "plate.stl").read_text() == "mine"


def test_the_command_prints_its_document(tmp_path: Path) -> None:
    path = write(plate(), tmp_path / "plate.nrrd")
    done = skullfix("mesh", path, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "plate_result.json").read_text())
    assert Path(document["outputs"]["mesh"]).is_file()
    refused = skullfix("mesh", path, "--clearance", 1, "--overwrite")
    assert refused.returncode == 2
    assert "hint: add --bone MASK" in refused.stderr
