"""The real command on the phantom and on inputs that cannot be completed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import stl
from command import skullfix

from skullfix.cli.main import run
from skullfix.images.phantom import Phantom, head_phantom
from skullfix.images.read import read_scan
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.tasks import predict

TURNED = (0.9998477, -0.0174524, 0.0, 0.0174524, 0.9998477, 0.0, 0.0, 0.0, 1.0)


def labels(mask: Volume, geometry: Geometry | None = None) -> Volume:
    return Volume(mask.array.astype(np.uint8), geometry or mask.geometry)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return head_phantom(spacing=(1.5, 1.5, 1.5))


@pytest.fixture(scope="module")
def defective(phantom: Phantom) -> Volume:
    return Volume(phantom.bone.array & ~phantom.implant.array, phantom.bone.geometry)


@pytest.fixture(scope="module")
def completed(
    tmp_path_factory: pytest.TempPathFactory, defective: Volume
) -> tuple[Path, dict[str, Any]]:
    """An oblique mask, completed once for several tests."""
    folder = tmp_path_factory.mktemp("complete")
    old = defective.geometry
    oblique = Geometry(old.size, old.spacing, (1.25, -33.5, 7.0625), TURNED)
    write_volume(labels(defective, oblique), folder / "head.nrrd")
    done = skullfix("complete", folder / "head.nrrd", "--json")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_the_document_is_printed_and_written(completed: tuple[Path, dict[str, Any]]) -> None:
    folder, document = completed
    assert document["status"] == "success"
    assert document == json.loads((folder / "head_result.json").read_text())
    assert document["implant"]["watertight"] is True
    assert document["peak_memory_bytes"] > 0
    assert set(document["outputs"]) == {
        "completed", "implant", "mesh", "report", "preview", "result"
    }  # fmt: skip
    assert document["outputs"]["report"].endswith("head_report.html")
    assert document["outputs"]["preview"].endswith("head_report.png")
    assert all(Path(path).is_file() for path in document["outputs"].values())
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_outputs_lie_on_the_inputs_grid_and_leave_the_bone_alone(
    completed: tuple[Path, dict[str, Any]],
) -> None:
    folder, document = completed
    scan = read_scan(folder / "head.nrrd").volume
    whole = read_scan(Path(document["outputs"]["completed"])).volume
    implant = read_scan(Path(document["outputs"]["implant"])).volume
    assert whole.geometry == implant.geometry == scan.geometry
    assert not (implant.array.astype(bool) & scan.array.astype(bool)).any()
    np.testing.assert_array_equal(whole.array, scan.array | implant.array)
    other = sitk.ReadImage(document["outputs"]["implant"])
    assert other.GetSize() == scan.geometry.size
    assert other.GetDirection() == scan.geometry.direction


def test_the_stl_is_closed_and_leaves_half_a_millimetre(
    completed: tuple[Path, dict[str, Any]],
) -> None:
    _, document = completed
    told = document["implant"]
    mesh = stl.mesh.Mesh.from_file(document["outputs"]["mesh"])
    assert mesh.is_closed(exact=True)
    volume, centre, _ = mesh.get_mass_properties()
    implant = read_scan(Path(document["outputs"]["implant"])).volume
    mask_ml = np.count_nonzero(implant.array) * implant.geometry.voxel_volume_ml
    assert told["mask_volume_ml"] == pytest.approx(mask_ml, rel=1e-3)
    assert told["volume_ml"] == pytest.approx(volume / 1000, rel=1e-3)
    assert told["volume_ml"] == pytest.approx(told["fitted_mask_volume_ml"], rel=0.02)
    assert told["volume_ml"] < mask_ml
    assert told["fit"]["clearance_mm"] == 0.5
    assert "0.5 mm clearance" in told["note"]
    assert {"thickness_mean", "thickness_min", "thickness_p5", "gap_mean", "gap_p95"} < set(
        told["pieces"][0]
    )
    index = np.argwhere(implant.array).mean(0)[::-1]
    world = implant.geometry.affine() @ [*index, 1]
    np.testing.assert_allclose(centre, world[:3], atol=1.0)


def test_the_answer_is_the_same_bytes_again(
    completed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, document = completed
    done = skullfix("complete", folder / "head.nrrd", "-o", tmp_path, "--threads", 1, "--json")
    assert done.returncode == 0, done.stderr
    for name in ("implant", "mesh"):
        first = Path(document["outputs"][name])
        assert first.read_bytes() == (tmp_path / first.name).read_bytes()


def test_a_ct_is_completed_through_its_bone(phantom: Phantom, tmp_path: Path) -> None:
    write_volume(phantom.ct, tmp_path / "ct.nii.gz")
    done = skullfix(
        "complete", tmp_path / "ct.nii.gz", "--save-bone", "--no-report", "--mesh-format", "ply",
        "--space", "ras", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["inputs"]["kind"] == "ct"
    found = read_scan(tmp_path / "ct_implant.nii.gz").volume.array.astype(bool)
    both = np.count_nonzero(found & phantom.implant.array)
    dice = 2 * both / (np.count_nonzero(found) + np.count_nonzero(phantom.implant.array))
    assert dice > 0.6  # a plausible answer; the benchmark measures how good
    assert (tmp_path / "ct_bone.nii.gz").is_file()
    assert (tmp_path / "ct_implant.ply").is_file()


def test_the_clearance_changes_the_solid_alone(
    completed: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(predict, "VIEWS", predict.VIEWS[:1])  # one view is enough here
    documents = []
    for words in ("--clearance 0", "--clearance 1.5 --min-thickness 2 --decimate 0.1"):
        place = tmp_path / str(len(documents))
        start = ["complete", str(completed[0] / "head.nrrd"), "-o", str(place), "--no-report"]
        assert run([*start, *words.split(), "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    plain, fitted = (document["implant"] for document in documents)
    assert plain["volume_ml"] == pytest.approx(plain["mask_volume_ml"], rel=0.02)
    assert "exactly" in plain["note"]
    assert fitted["pieces"][0]["gap_mean"] == pytest.approx(1.5, abs=1.2)
    assert fitted["volume_ml"] < plain["volume_ml"]
    for name in ("completed", "implant"):
        masks = [read_scan(Path(d["outputs"][name])).volume.array for d in documents]
        np.testing.assert_array_equal(*masks)


def test_evaluate_measures_the_result(
    completed: tuple[Path, dict[str, Any]], phantom: Phantom, tmp_path: Path
) -> None:
    folder, document = completed
    geometry = read_scan(folder / "head.nrrd").volume.geometry
    write_volume(labels(phantom.implant, geometry), tmp_path / "truth.nrrd")
    done = skullfix(
        "evaluate", document["outputs"]["implant"], tmp_path / "truth.nrrd",
        "--defective", folder / "head.nrrd", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert 0.6 < scores["dice"] <= 1
    assert 0.6 < scores["boundary_dice"] <= 1
    assert 0 <= scores["hausdorff95_mm"] < 10


def test_existing_outputs_are_kept(
    completed: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, document = completed
    before = Path(document["outputs"]["implant"]).read_bytes()
    assert run(["complete", str(folder / "head.nrrd")]) == 6
    told = capsys.readouterr().err
    assert "exists already" in told
    assert "hint: " in told
    assert Path(document["outputs"]["implant"]).read_bytes() == before


def hostile(kind: str, folder: Path, defective: Volume) -> Path:
    """Make an input that must be refused."""
    path = folder / "bad.nrrd"
    if kind == "missing":
        return path
    if kind == "empty mask":
        write_volume(Volume(np.zeros((20, 20, 20), np.uint8), small()), path)
    elif kind == "2D":
        sitk.WriteImage(sitk.Image(30, 30, sitk.sitkUInt8), str(path))
    elif kind == "labels":
        array = defective.array.astype(np.uint8)
        array[: len(array) // 2] *= 3
        write_volume(Volume(array, defective.geometry), path)
    elif kind == "truncated":
        write_volume(labels(defective), path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "text":
        path.write_text("this is no scan\n")
    elif kind == "no DICOM":
        path = folder / "series"
        path.mkdir()
        (path / "notes.txt").write_text("nothing here")
    return path


def small() -> Geometry:
    return Geometry((20, 20, 20), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


@pytest.mark.parametrize(
    "kind", ["missing", "empty mask", "2D", "labels", "truncated", "text", "no DICOM"]
)
def test_bad_input_is_refused_with_a_hint_and_leaves_nothing(
    kind: str, tmp_path: Path, defective: Volume, capsys: pytest.CaptureFixture[str]
) -> None:
    path = hostile(kind, tmp_path, defective)
    out = tmp_path / "out"
    assert run(["complete", str(path), "-o", str(out), "--json"]) == 3
    done = capsys.readouterr()
    document = json.loads(done.out)
    assert document["status"] == "error"
    assert document["error"]["code"] == "bad_input"
    assert document["error"]["hint"]
    assert "Traceback" not in done.err
    assert done.err.strip().splitlines()[-1].startswith("hint: ")
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--kind", "banana"], 2),
        (["--mesh-format", "dwg"], 2),
        (["--space", "mni"], 2),
        (["--threshold", "99999"], 2),
        (["--backend", "quantum"], 2),
        (["--threshold", "bone"], 2),
        (["--clearance", "50"], 2),
        (["--clearance", "-1"], 2),
        (["--holes", "many"], 2),
        (["--insertion", "up"], 2),
        (["--model", "no-such-model"], 4),
        (["--model", "no/such/file.safetensors"], 4),
    ],
)
def test_bad_options_are_refused(
    words: list[str],
    code: int,
    tmp_path: Path,
    defective: Volume,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_volume(labels(defective), tmp_path / "head.nrrd")
    assert run(["complete", str(tmp_path / "head.nrrd"), *words]) == code
    assert "hint: " in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["head.nrrd"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path, defective: Volume) -> None:
    write_volume(labels(defective), tmp_path / "head.nrrd")
    (tmp_path / "file").write_text("")
    assert run(["complete", str(tmp_path / "head.nrrd"), "-o", str(tmp_path / "file")]) == 6


@pytest.mark.real
@pytest.mark.slow
def test_a_real_oblique_skull_is_completed(real_data: Path, tmp_path: Path) -> None:
    """A validation case with its challenge defect, at the input's full grid."""
    folder = real_data / "autoimplant"
    skull = read_scan(folder / "complete_skull" / "063.nrrd").volume
    implant = read_scan(folder / "implant" / "063.nrrd").volume
    bone = Volume((skull.array & ~(implant.array > 0)).astype(np.uint8), skull.geometry)
    write_volume(bone, tmp_path / "063.nrrd")
    done = skullfix("complete", tmp_path / "063.nrrd", "--json", timeout=300)
    assert done.returncode == 0, done.stderr
    done = skullfix(
        "evaluate", tmp_path / "063_implant.nrrd", folder / "implant" / "063.nrrd",
        "--defective", tmp_path / "063.nrrd", "--json",
    )  # fmt: skip
    assert json.loads(done.stdout)["dice"] > 0.75
