"""``skullfix upscale``, ``refine`` and ``simulate coarse``, with an untrained network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skullfix.cli.main import run
from skullfix.images.read import read_scan
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.networks.checkpoint import save_checkpoint
from skullfix.networks.config import CONFIGS
from skullfix.networks.unet import SparseUNet

LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
RAS_FIRST = (0.0, -1.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that hands its first feature (the interpolation) on, cut at one half."""
    torch.manual_seed(0)
    network = SparseUNet(CONFIGS["fine-s"])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for classifier in network.classify:
            classifier.bias.fill_(1.0)  # type: ignore[union-attr, operator]
        centre = 13
        network.stem.convolution.weight[centre, 0, 0] = 1.0  # type: ignore[index, union-attr]
        network.stem.norm.weight.fill_(1.0)  # type: ignore[union-attr, operator]
        for block in network.decode[-1]:  # type: ignore[union-attr]
            block.convolution.weight[centre, 0, 0] = 1.0  # type: ignore[index, union-attr]
            block.norm.weight.fill_(1.0)  # type: ignore[union-attr, operator]
        network.final.weight[0, 0] = 20.0
        network.final.bias.fill_(-10.0)
    card = {
        "name": "echo",
        "version": "1",
        "spacing_mm": 1.0,
        "training_data": "none",
        "licence": "Apache-2.0",
        "metrics": {},
        "created_with": ["tests"],
        "thresholds": None,
        "notes": "",
        "factors": [2, 4],
    }
    folder = tmp_path_factory.mktemp("echo")
    for task in ("upscale", "refine"):
        save_checkpoint(network, {**card, "task": task}, folder / f"{task}.safetensors")
    return folder


def ball(direction: tuple[float, ...] = LPS, spacing: float = 4.0, side: int = 14) -> Volume:
    z, y, x = np.indices((side, side + 2, side + 4)).astype(float)
    z, y, x = z - side / 2, y - side / 2 - 1, x - side / 2 - 2
    distance = np.sqrt(z**2 + y**2 + x**2)
    mask = (distance < 0.4 * side) & (distance > 0.2 * side)
    geometry = Geometry(mask.shape[::-1], (spacing,) * 3, (10.0, -20.0, 30.0), direction)  # type: ignore[arg-type]
    return Volume(mask.astype(np.uint8), geometry)


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    code = run([*map(str, words), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def volume_ml(volume: Volume) -> float:
    return int((volume.array != 0).sum()) * volume.geometry.voxel_volume_ml


@pytest.mark.parametrize("direction", [LPS, RAS_FIRST])
def test_twice_as_fine(
    direction: tuple[float, ...], echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coarse = ball(direction)
    write_volume(coarse, tmp_path / "skull.nrrd")
    model = echo / "upscale.safetensors"
    code, document = call(capsys, "upscale", tmp_path / "skull.nrrd", "--model", model)
    assert code == 0
    assert set(document["outputs"]) == {"mask", "mesh", "result", "report", "preview"}
    fine = read_scan(tmp_path / "skull_upscaled.nrrd").volume
    assert fine.geometry.spacing == (2.0, 2.0, 2.0)
    assert fine.geometry.size == tuple(2 * n for n in coarse.geometry.size)
    assert fine.geometry.direction == pytest.approx(direction)
    assert volume_ml(fine) == pytest.approx(volume_ml(coarse), rel=0.1)
    repeated = coarse.array.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    both = 2 * int((fine.array & repeated).sum()) / (int(fine.array.sum()) + int(repeated.sum()))
    assert both > 0.9
    assert document["steps"] == ["echo: 4 to 1 mm", "mean of its probabilities: 1 to 2 mm"]
    assert document["mesh"]["volume_ml"] == pytest.approx(volume_ml(fine), rel=0.02)
    stored = json.loads((tmp_path / "skull_result.json").read_text())
    assert stored["shapes"] == document["shapes"]


def test_the_picture_is_shown_on_request(
    echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_volume(ball(), tmp_path / "skull.nrrd")
    words = ["upscale", str(tmp_path / "skull.nrrd"), "--preview", "--no-mesh"]
    words += ["--model", str(echo / "upscale.safetensors")]
    assert run([*words, "--no-report"]) == 2
    assert "drop one of them" in capsys.readouterr().err
    assert run(words) == 0
    said = capsys.readouterr()  # no terminal here
    assert "the picture is skull_report.png" in said.err
    assert (tmp_path / "skull_report.png").exists()


def refined_like(
    grid: Geometry, mask: Path, organ: str, echo: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """Refine a mask onto the grid of ``ct.nrrd``, which is made beside it."""
    image = mask.with_name("ct.nrrd")
    write_volume(Volume(np.zeros(grid.shape, np.int16), grid), image)
    code, document = call(
        capsys, "refine", mask, "--organ", organ, "--like", image, "--no-mesh", "--no-report",
        "--model", echo / "refine.safetensors",
    )  # fmt: skip
    assert code == 0
    return document


def test_on_the_grid_of_an_image(
    echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_volume(ball(), tmp_path / "aorta.nii.gz")
    grid = Geometry((70, 75, 60), (1.1, 1.2, 1.3), (106.0, -20.0, 110.0), RAS_FIRST)
    document = refined_like(grid, tmp_path / "aorta.nii.gz", "aorta", echo, capsys)
    fine = read_scan(tmp_path / "aorta_refined.nii.gz").volume
    assert fine.geometry.size == grid.size
    np.testing.assert_allclose(fine.geometry.affine(), grid.affine(), atol=1e-4)
    assert document["organ"] == "aorta"
    assert document["steps"][0] == "echo: 4 to 1 mm"


def test_on_the_skewed_grid_of_an_image(
    echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_volume(ball(), tmp_path / "aorta.nrrd")
    skewed = (1.0, 0.0, 0.0, 0.002, 0.999998, 0.0, 0.0, 0.0, 1.0)
    grid = Geometry((75, 70, 60), (1.2, 1.1, 1.3), (8.0, -20.0, 32.0), skewed)
    refined_like(grid, tmp_path / "aorta.nrrd", "aorta", echo, capsys)
    ours, theirs = (read_scan(tmp_path / n) for n in ("aorta_refined.nrrd", "ct.nrrd"))
    assert ours.own_grid is not None
    assert ours.own_grid == theirs.own_grid
    assert ours.volume.array.any()


def test_a_label_beyond_the_image_did_not_vanish(
    echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ball()
    labels.array[...] = 0
    labels.array[4:10, 4:10, 2:6] = 1
    labels.array[4:10, 4:10, 13:17] = 4
    write_volume(labels, tmp_path / "map.nrrd")
    grid = Geometry((20, 28, 28), (1.0,) * 3, (16.0, -6.0, 44.0), LPS)  # about label 1 alone
    document = refined_like(grid, tmp_path / "map.nrrd", "all", echo, capsys)
    assert document["shapes"]["1"]["volume_ml"] > 0
    assert document["shapes"]["4"]["volume_ml"] == 0
    assert not any("vanished" in text for text in document["warnings"])


def test_labels_are_kept_and_do_not_overlap(
    echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ball()
    half = labels.array[:, :, 9:]
    half[half == 1] = 4
    write_volume(labels, tmp_path / "map.nrrd")
    words = ("refine", tmp_path / "map.nrrd", "--model", echo / "refine.safetensors")
    code, document = call(capsys, *words, "--organ", "all")
    assert code == 0
    assert set(document["shapes"]) == {"1", "4"}
    assert any("4 (aorta)" in text for text in document["warnings"])
    fine = read_scan(tmp_path / "map_refined.nrrd").volume
    assert set(np.unique(fine.array)) == {0, 1, 4}
    for label in (1, 4):
        part = Volume(fine.array == label, fine.geometry)
        before = Volume(labels.array == label, labels.geometry)
        assert volume_ml(part) == pytest.approx(volume_ml(before), rel=0.15)
    code, document = call(capsys, *words, "--organ", "heart", "--overwrite")
    assert code == 3  # a label map where one mask is expected
    assert "values" in document["error"]["message"]


def test_a_coarse_mask_that_is_stored_finer(
    echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coarse = ball()
    fine = Volume(
        coarse.array.repeat(4, 0).repeat(4, 1).repeat(4, 2),
        Geometry((72, 64, 56), (1.0,) * 3, (8.5, -21.5, 28.5), LPS),
    )
    write_volume(fine, tmp_path / "heart.mha")
    code, document = call(
        capsys, "refine", tmp_path / "heart.mha", "--organ", "heart", "--coarse", 4,
        "--model", echo / "refine.safetensors", "--no-report",
    )  # fmt: skip
    assert code == 0
    result = read_scan(tmp_path / "heart_refined.mha").volume
    assert result.geometry == fine.geometry
    assert volume_ml(result) == pytest.approx(volume_ml(fine), rel=0.1)
    assert document["steps"] == ["echo: 4 to 1 mm"]


def far_away(folder: Path) -> list[object]:
    grid = Geometry((9, 9, 9), (1.0,) * 3, (900.0, 0.0, 0.0), LPS)
    write_volume(Volume(np.zeros(grid.shape, np.int16), grid), folder / "other.nrrd")
    return ["--like", folder / "other.nrrd"]


@pytest.mark.parametrize(
    ("task", "words", "code", "told"),
    [
        ("upscale", ["--factor", 1], 2, "--factor"),
        ("upscale", ["--factor", 2, "--spacing", 1], 2, "--factor and --spacing"),
        ("upscale", ["--spacing", 4], 3, "as fine as"),
        ("upscale", ["--coarse", 4], 3, "no coarser"),
        ("upscale", "far", 3, "elsewhere"),
        ("upscale", ["--like", "nowhere.nrrd"], 3, "does not exist"),
        ("refine", ["--organ", "liver"], 2, "liver"),
        ("upscale", ["--mesh-format", "gif"], 2, "gif"),
    ],
)
def test_what_is_refused(
    task: str,
    words: object,
    code: int,
    told: str,
    echo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_volume(ball(), tmp_path / "mask.nrrd")
    more = far_away(tmp_path) if words == "far" else words
    assert isinstance(more, list)
    before = sorted(tmp_path.iterdir())
    model = echo / f"{task}.safetensors"
    given, document = call(capsys, task, tmp_path / "mask.nrrd", "--model", model, *more)
    assert given == code
    assert told in document["error"]["message"]
    assert document["error"]["hint"]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("values", [(0,), (0, 1, 2), (0, 0.5)])
def test_what_is_no_mask(
    values: tuple[float, ...], echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array = np.resize(np.asarray(values, np.float32), (6, 6, 6))
    grid = Geometry((6, 6, 6), (3.6,) * 3, (0.0,) * 3, LPS)
    write_volume(Volume(array, grid), tmp_path / "odd.nrrd")
    model = echo / "upscale.safetensors"
    code, document = call(capsys, "upscale", tmp_path / "odd.nrrd", "--model", model)
    assert code == 3
    assert document["error"]["hint"]


def test_simulated_coarse_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_volume(ball(spacing=1.0, side=40), tmp_path / "fine.nrrd")
    words = ("simulate", "coarse", tmp_path / "fine.nrrd", "-o", tmp_path / "out")
    code, document = call(capsys, *words, "--spacing", 2.5, "--back")
    assert code == 0
    coarse = read_scan(tmp_path / "out" / "fine_coarse.nrrd").volume
    assert coarse.geometry.spacing == (2.5, 2.5, 2.5)
    back = read_scan(tmp_path / "out" / "fine_back.nrrd").volume
    assert back.geometry == read_scan(tmp_path / "fine.nrrd").volume.geometry
    assert document["coarse_volume_ml"] == pytest.approx(document["volume_ml"], rel=0.1)
    assert call(capsys, *words)[0] == 6  # it is there already
    assert call(capsys, *words, "--overwrite", "--kind", "ragged")[0] == 0
    assert call(capsys, *words, "--overwrite", "--kind", "odd")[0] == 2
    assert call(capsys, *words, "--overwrite", "--spacing", 0.5)[0] == 3
