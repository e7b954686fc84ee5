from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skullfix.errors import OutputError
from skullfix.images.phantom import Phantom, head_phantom
from skullfix.images.volume import Geometry, Volume
from skullfix.report.preview import (
    IMPLANT,
    IVORY,
    comparison_sheet,
    contact_sheet,
    implant_scene,
    write_png,
)
from skullfix.report.render import Layer, build_scene


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return head_phantom(spacing=(2.0, 2.0, 2.0))


def _defective(phantom: Phantom) -> Volume:
    return Volume(phantom.bone.array & ~phantom.implant.array, phantom.bone.geometry)


def _bluish(picture: np.ndarray) -> np.ndarray:
    pixels = picture.astype(int)
    return (pixels[..., 2] > pixels[..., 0] + 40) & (pixels[..., 2] > 70)


def test_implant_is_seen_from_its_side_and_in_all_planes(phantom: Phantom) -> None:
    sheet = contact_sheet(
        implant_scene(_defective(phantom), phantom.implant), scan=phantom.ct, tile=160
    )
    assert sheet.shape == (480, 480, 3)
    tiles = [[_bluish(c).mean() for c in np.hsplit(r, 3)] for r in np.vsplit(sheet, 3)]
    index = np.argwhere(phantom.implant.array)[:, 2].mean()
    on_left = phantom.implant.geometry.origin[0] + 2.0 * index > 0
    seen, hidden = (tiles[0][2], tiles[0][0]) if on_left else (tiles[0][0], tiles[0][2])
    assert seen > 0.05
    assert hidden < 0.001
    assert min(tiles[2]) > 0.005


def test_without_an_implant_the_sheet_is_drawn_all_the_same(phantom: Phantom) -> None:
    empty = Volume(np.zeros_like(phantom.implant.array), phantom.bone.geometry)
    sheet = contact_sheet(implant_scene(phantom.bone, empty), tile=100)
    assert not _bluish(sheet).any()
    assert sheet.std() > 20


def test_comparison_has_two_rows(phantom: Phantom) -> None:
    scene = build_scene([Layer(_defective(phantom), IVORY), Layer(phantom.bone, IMPLANT)])
    sheet = comparison_sheet(scene, tile=80)
    assert sheet.shape == (160, 240, 3)
    before, after = np.vsplit(sheet, 2)
    assert not _bluish(before).any()
    assert _bluish(after).mean() > 0.1


def test_png_is_written_whole_and_refused_when_there(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    path = write_png(picture, tmp_path / "a_report.png")
    assert np.array_equal(np.asarray(Image.open(path)), picture)
    with pytest.raises(OutputError, match="exists already"):
        write_png(picture, path)
    first = path.read_bytes()
    write_png(picture, path, overwrite=True)
    assert path.read_bytes() == first
    with pytest.raises(OutputError, match="cannot be written"):
        write_png(picture, tmp_path / "missing" / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a_report.png"]


@pytest.mark.slow
def test_a_full_scan_is_drawn_in_seconds() -> None:
    shape = (240, 512, 512)
    z, y, x = np.ogrid[:240, :512, :512]
    radius = ((z - 100) / 130) ** 2 + ((y - 256) / 200) ** 2 + ((x - 256) / 160) ** 2
    bone = (radius < 1) & (radius > 0.85)
    implant = bone & (x > 330) & (abs(y - 256) < 90) & (z > 90)
    tilted = (1.0, 0.0, 0.0, 0.0, 0.96, 0.28, 0.0, -0.28, 0.96)
    geometry = Geometry(shape[::-1], (0.45, 0.45, 0.625), (-115.0, -115.0, -60.0), tilted)
    start = time.process_time()
    contact_sheet(implant_scene(Volume(bone & ~implant, geometry), Volume(implant, geometry)))
    assert time.process_time() - start < 20  # under 2 s on two idle cores
