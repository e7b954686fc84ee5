"""What `upscale` and `refine` take from a file, and what they say of what is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from skullfix.cli.main import run
from skullfix.errors import InputError
from skullfix.images.read import Scan, read_scan
from skullfix.images.turn import rotation_about
from skullfix.images.volume import Geometry, Volume, direction_of
from skullfix.images.write import write_volume
from skullfix.tasks.fine import Target
from skullfix.tasks.fine_options import FineOptions
from skullfix.tasks.fine_shapes import coarser_shapes, read_shapes

STRAIGHT = direction_of(np.eye(3))
GRID = Geometry((30, 28, 26), (3.0, 3.0, 3.0), (5.0, -7.0, 11.0), STRAIGHT)


def label_map() -> Volume:
    """A bar, one voxel, and a block."""
    array = np.zeros(GRID.shape, np.uint8)
    array[4:20, 4:10, 4:10] = 1
    array[22, 14, 14] = 2
    array[4:16, 14:24, 14:26] = 3
    return Volume(array, GRID)


def scan_of(volume: Volume) -> Scan:
    return Scan(volume, "nrrd", ".nrrd", "map", ())


def test_a_label_map_where_one_organ_was_expected_is_told_what_to_do() -> None:
    with pytest.raises(InputError, match="3 values") as caught:
        read_shapes(scan_of(label_map()), "refine", FineOptions(organ="heart"))
    assert "--organ all" in caught.value.hint
    with pytest.raises(InputError, match="3 values") as caught:
        read_shapes(scan_of(label_map()), "upscale", FineOptions())
    assert "--organ" not in caught.value.hint


def test_a_label_that_is_too_small_for_the_true_spacing_is_named() -> None:
    shapes, _ = read_shapes(scan_of(label_map()), "refine", FineOptions(organ="all"))
    kept, warnings = coarser_shapes(shapes, 9.0)
    assert sorted(kept) == [1, 3]
    assert warnings == ("Label 2 has nothing left at 9 mm; it is lost.",)
    with pytest.raises(InputError, match="Nothing of the mask is left"):
        coarser_shapes({2: shapes[2]}, 9.0)


def test_one_voxel_beside_others_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_volume(label_map(), tmp_path / "map.nrrd")
    words = ["refine", str(tmp_path / "map.nrrd"), "--organ", "all", "--no-mesh", "--no-report"]
    assert run([*words, "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["shapes"]["2"]["volume_ml"] > 0
    found = read_scan(tmp_path / "map_refined.nrrd").volume.array
    assert set(np.unique(found)) == {0, 1, 2, 3}


def test_two_slices_are_made_finer(tmp_path: Path) -> None:
    array = np.zeros((2, 28, 30), np.uint8)
    array[:, 6:20, 6:22] = 1
    grid = Geometry((30, 28, 2), GRID.spacing, GRID.origin, GRID.direction)
    write_volume(Volume(array, grid), tmp_path / "two.nrrd")
    words = ["refine", str(tmp_path / "two.nrrd"), "--organ", "heart", "--no-mesh", "--no-report"]
    assert run(words) == 0
    assert read_scan(tmp_path / "two_refined.nrrd").volume.array.any()


def test_a_turned_image_that_misses_a_part_of_the_mask_is_told() -> None:
    """Its box along the world's axes holds the whole mask; its own voxels do not."""
    bar = np.zeros(GRID.shape, bool)
    bar[2:24, 12:16, 13:17] = True
    mask = Volume(bar, GRID)
    axes = rotation_about(0, np.pi / 4)
    size, spacing = (90, 12, 90), (1.0, 1.0, 1.0)
    middle = GRID.affine() @ [15.0, 14.0, 13.0, 1.0]
    origin = middle[:3] - axes @ ((np.asarray(size) - 1) / 2)
    like = Geometry(size, spacing, tuple(origin.tolist()), direction_of(axes))
    grid, warnings = Target(like=like).grid(mask)
    assert grid == like
    assert len(warnings) == 1
    assert "of the mask lies in the image given by --like" in warnings[0]
    whole = Geometry((90, 90, 90), spacing, (5.0, -7.0, 11.0), STRAIGHT)
    assert Target(like=whole).grid(mask)[1] == ()
