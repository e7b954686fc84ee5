"""NRRD headers as other programs write them: more axes than three, and spaces of all names."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from skullfix.errors import InputError
from skullfix.images.read import Scan, read_scan

DATA = bytes(range(60))
THREE = "(0,2,0) (3,0,0) (0,0,4)"
FOUR = "(0,2,0,0) (3,0,0,0) (0,0,4,0)"
UNORIENTED = "does not say how it is oriented"


def nrrd(path: Path, more: str, size: str = "5 4 3") -> Path:
    head = f"NRRD0005\ntype: uchar\ndimension: {len(size.split())}\nsizes: {size}\nencoding: raw\n"
    path.write_bytes(f"{head}{more}\n".encode() + DATA)
    return path


def placed(space: str, directions: str = THREE, origin: str = "(1,2,3)") -> str:
    return f"{space}\nspace directions: {directions}\nspace origin: {origin}\n"


def check(scan: Scan, signs: tuple[int, ...] = (1, 1, 1)) -> None:
    """Check voxels and place of a scan whose header says THREE and (1, 2, 3), seen in LPS."""
    geometry = scan.volume.geometry
    wanted = np.array([[0, 3, 0, 1], [2, 0, 0, 2], [0, 0, 4, 3]]) * np.array(signs)[:, None]
    assert scan.volume.array.tobytes() == DATA
    assert geometry.size == (5, 4, 3)
    assert geometry.spacing == (2, 3, 4)
    assert np.array_equal(geometry.affine()[:3], wanted)


LPS = "space: left-posterior-superior"


@pytest.mark.parametrize(
    ("more", "size"),
    [
        (placed(LPS, f"{THREE} none"), "5 4 3 1"),
        (placed(LPS, f"{THREE} none none"), "5 4 3 1 1"),
        (placed(LPS, f"{THREE} (nan,nan,nan)"), "5 4 3 1"),
        (placed("space: LPST", f"{FOUR} (0,0,0,1)", "(1,2,3,9)"), "5 4 3 1"),
        (placed(LPS, f"{THREE} none") + 'space units: "mm" "mm" "mm"\n', "5 4 3 1"),
        (
            placed("space: lpst", f"{FOUR} none", "(1,2,3,9)")
            + 'space units: "mm" "mm" "mm" "s"\n',
            "5 4 3 1",
        ),
    ],
)
def test_last_axes_of_one_voxel_are_dropped(tmp_path: Path, more: str, size: str) -> None:
    scan = read_scan(nrrd(tmp_path / "a.nrrd", more, size))
    check(scan)
    assert scan.warnings == ()


def test_a_last_axis_of_one_voxel_by_another_writer(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.frombuffer(DATA, "u1").reshape(1, 3, 4, 5), isVector=False)
    image.SetSpacing((2.0, 3.0, 4.0, 5.0))
    image.SetOrigin((1.0, 2.0, 3.0, 9.0))
    image.SetDirection((0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1))
    for suffix in (".nrrd", ".mha"):
        sitk.WriteImage(image, str(tmp_path / f"a{suffix}"))
        check(read_scan(tmp_path / f"a{suffix}"))


@pytest.mark.parametrize("spacings", ["2 3 4 1", "2 3 4 nan"])
def test_spacings_of_a_last_axis_are_dropped(tmp_path: Path, spacings: str) -> None:
    scan = read_scan(nrrd(tmp_path / "a.nrrd", f"spacings: {spacings}\n", "5 4 3 1"))
    assert scan.volume.geometry.spacing == (2, 3, 4)
    assert [UNORIENTED in text for text in scan.warnings] == [True]


@pytest.mark.parametrize(
    ("directions", "size", "match"),
    [
        (f"none {THREE}", "1 5 4 3", "not a volume: its size is 1 x 5 x 4 x 3"),
        (f"none {THREE} none", "1 5 4 3 1", "not a volume"),
        (f"{THREE} none", "5 4 1 3", "not a volume"),
        (f"none {THREE}", "5 4 3 1", "4 vectors were expected"),
        (THREE, "5 4 3 1", "4 vectors were expected"),
        (f"{THREE} none", "5 4 3", "3 vectors were expected"),
        (f"{THREE} nonesuch", "5 4 3 1", "4 vectors were expected"),
        (f"{FOUR} none", "5 4 3 1 1", "5 vectors were expected"),
        ("(1,0) (0,1) (1,1) none", "5 4 3 1", "3 numbers were expected"),
        ("(1,0,0,0,0) (0,1,0) (0,0,1) none", "5 4 3 1", "4 numbers were expected"),
        ("(1,0,0,1) (0,1,0) (0,0,1) none", "5 4 3 1", "within three dimensions"),
        (FOUR, "5 4 3", "3 numbers were expected"),
    ],
)
def test_axes_that_are_refused(tmp_path: Path, directions: str, size: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_scan(nrrd(tmp_path / "a.nrrd", placed(LPS, directions), size))
    assert caught.value.hint


@pytest.mark.parametrize("capitals", [True, False])
@pytest.mark.parametrize(
    "words",
    [*itertools.product(("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))],
    ids="-".join,
)
def test_every_anatomical_space(tmp_path: Path, words: tuple[str, ...], capitals: bool) -> None:
    short = "".join(word[0] for word in words)
    signs = tuple(1 if word in ("left", "posterior", "superior") else -1 for word in words)
    for name in ("-".join(words), short):
        space = f"space: {name.upper() if capitals else name}"
        scan = read_scan(nrrd(tmp_path / "a.nrrd", placed(space)))
        check(scan, signs)
        assert scan.warnings == ()


@pytest.mark.parametrize(
    "space",
    [
        "space dimension: 3",
        "# nothing",
        "space: scanner-xyz",
        "space: 3D-left-handed",
        "space: 3D-right-handed",
        "space: posterior-left-superior",
        "space: upwards",
    ],
)
def test_other_spaces_give_a_warning(tmp_path: Path, space: str) -> None:
    scan = read_scan(nrrd(tmp_path / "a.nrrd", placed(space)))
    check(scan)
    assert [UNORIENTED in text for text in scan.warnings] == [True]


def test_a_warning_for_the_space_and_one_for_the_unit(tmp_path: Path) -> None:
    more = placed("space dimension: 3", "(0,.2,0) (.3,0,0) (0,0,.4)")
    scan = read_scan(nrrd(tmp_path / "a.nrrd", more + 'space units: "cm" "cm" "cm"\n'))
    assert np.allclose(scan.volume.geometry.spacing, (2, 3, 4))
    assert [UNORIENTED in text for text in scan.warnings] == [True, False]


@pytest.mark.parametrize("name", ["RAST", "right-anterior-superior-time"])
def test_spaces_with_time(tmp_path: Path, name: str) -> None:
    four = placed(f"space: {name}", f"{FOUR} (0,0,0,1)", "(1,2,3,9)")
    scan = read_scan(nrrd(tmp_path / "a.nrrd", four, "5 4 3 1"))
    check(scan, (-1, -1, 1))
    assert scan.warnings == ()
    scan = read_scan(nrrd(tmp_path / "b.nrrd", placed(f"space: {name}")))  # time without its axis
    check(scan)
    assert scan.warnings == ()
