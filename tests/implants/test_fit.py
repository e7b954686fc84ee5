from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy import ndimage

from skullfix.errors import InputError, UsageError
from skullfix.images.volume import Geometry, Volume
from skullfix.implants.distance import distance_to
from skullfix.implants.fit import FittedImplant, fit_implant
from skullfix.implants.holes import HolePattern, parse_holes
from skullfix.implants.options import FitOptions

VOXEL = 0.7
EYE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def dome(wall: float = 5.0, flare: float = 0.0) -> tuple[Volume, Volume]:
    """An implant and the bone: a spherical cap of 60 mm radius with a round hole in its top.

    With a flare the hole is wider inside than outside, so that the implant cannot come out.
    """
    size = (130, 130, 70)
    geometry = Geometry(size, (VOXEL,) * 3, (-45.0, -45.0, 20.0), EYE)
    z, y, x = np.mgrid[: size[2], : size[1], : size[0]] * VOXEL
    x, y, z = x - 45.0, y - 45.0, z + 20.0
    radius = np.sqrt(x**2 + y**2 + z**2)
    shell = (radius <= 65) & (radius > 65 - wall)
    across = np.hypot(x, y)
    hole = across < 20 + flare * (65 - radius) / wall
    return Volume(shell & hole, geometry), Volume(shell & ~hole, geometry)


@pytest.fixture(scope="module")
def plain() -> FittedImplant:
    return fit_implant(*dome())


def test_defaults_give_a_checked_solid_with_half_a_millimetre(plain: FittedImplant) -> None:
    implant, bone = dome()
    piece = plain.pieces[0]
    assert plain.measures.watertight
    assert plain.measures.components == 1
    assert not (plain.mask.array & bone.array).any()
    assert plain.mask.geometry == implant.geometry
    assert piece.gap_mean == pytest.approx(0.5, abs=VOXEL)
    assert piece.thickness_mean == pytest.approx(5.0, abs=0.4)
    assert piece.rim_length == pytest.approx(2 * np.pi * 20, rel=0.05)
    assert np.degrees(np.arccos(piece.insertion[2])) < 6
    assert piece.undercut_ml < 0.02
    assert plain.warnings == ()


@pytest.mark.parametrize("clearance", [0.0, 0.3, 0.8, 1.5, 3.0])
def test_clearance_is_what_was_asked_within_a_voxel(clearance: float) -> None:
    implant, bone = dome()
    fitted = fit_implant(implant, bone, FitOptions(clearance_mm=clearance))
    assert fitted.pieces[0].gap_mean == pytest.approx(clearance, abs=0.6 * VOXEL)
    wall = bone.array & ndimage.binary_dilation(implant.array)
    gaps = distance_to(fitted.mask.array, implant.geometry)[wall] - VOXEL
    assert gaps.min() >= clearance - VOXEL
    # the mesh, too, stays out of the bone
    solid = trimesh.Trimesh(fitted.mesh.vertices, fitted.mesh.faces)
    edge = np.hypot(*solid.vertices[:, :2].T)
    assert edge.max() <= 20 - clearance + VOXEL


@pytest.mark.parametrize("value", [-0.1, 50.0, float("nan")])
def test_bad_clearance_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match="clearance"):
        fit_implant(*dome(), FitOptions(clearance_mm=value))


def test_a_clearance_that_eats_a_small_implant_is_refused() -> None:
    with pytest.raises(UsageError, match="more than half"):
        fit_implant(*_small(), FitOptions(clearance_mm=3.0))


def test_smoothing_keeps_the_volume_and_evens_the_face() -> None:
    implant, bone = dome()
    rng = np.random.default_rng(0)
    skin = ndimage.binary_dilation(implant.array) & ~implant.array & ~bone.array
    skin &= distance_to(bone.array, bone.geometry) > 3
    rough = implant.array | (skin & (rng.random(skin.shape) < 0.4))
    rough = ndimage.binary_opening(rough) | implant.array
    before = fit_implant(Volume(rough, implant.geometry), bone, FitOptions(clearance_mm=0))
    after = fit_implant(
        Volume(rough, implant.geometry), bone, FitOptions(clearance_mm=0, smooth_mm=1.0)
    )
    assert after.measures.volume_ml == pytest.approx(before.measures.volume_ml, rel=0.02)
    assert _unevenness(after) <= _unevenness(before)
    assert not (after.mask.array & bone.array).any()


def _unevenness(fitted: FittedImplant) -> float:
    """Spread of the distances of the outer face from the middle of the dome's sphere."""
    vertices = fitted.mesh.vertices
    radius = np.linalg.norm(vertices, axis=1)
    return float(radius[(radius > 64) & (np.hypot(*vertices[:, :2].T) < 15)].std())


def test_a_thin_implant_is_warned_of_and_thickened_inwards() -> None:
    implant, bone = dome(wall=2.1)
    options = FitOptions(min_thickness_mm=4.0)
    thin = fit_implant(implant, bone, options)
    assert any("thinner than 4 mm" in w for w in thin.warnings)
    thick = fit_implant(implant, bone, replace(options, thicken=True))
    assert thick.warnings == ()
    assert thick.pieces[0].thickness_p5 >= 4.0 - 0.5 * VOXEL
    assert thick.pieces[0].thickness_mean < 4.0 + VOXEL
    outer = np.linalg.norm(thick.mesh.vertices, axis=1).max()
    assert outer == pytest.approx(np.linalg.norm(thin.mesh.vertices, axis=1).max(), abs=0.15)
    with pytest.raises(UsageError, match="without a thickness"):
        fit_implant(implant, bone, FitOptions(thicken=True))


def test_undercuts_are_measured_and_removed() -> None:
    implant, bone = dome(wall=6.0, flare=4.0)
    caught = fit_implant(implant, bone)
    expected = np.pi / 4 * (48**2 - 40**2) / 2 * 6 / 1000  # a wedge all round
    assert caught.pieces[0].undercut_ml == pytest.approx(expected, rel=0.6)
    assert any("catches" in w for w in caught.warnings)
    fixed = fit_implant(implant, bone, FitOptions(fix_undercuts=True, insertion=(0.0, 0.0, 1.0)))
    assert fixed.pieces[0].undercut_ml < 0.05 * caught.pieces[0].undercut_ml
    assert fixed.warnings == ()
    # drawn out step by step the mask never meets the bone by more than its skin
    core = ndimage.binary_erosion(fixed.mask.array)
    for step in range(1, 12):
        moved = np.roll(core, step, axis=0)
        assert not (moved & bone.array).any()


def test_a_given_direction_is_obeyed_or_refused() -> None:
    implant, bone = dome()
    straight = fit_implant(implant, bone, FitOptions(insertion=(0.0, 0.0, 2.0)))
    assert straight.pieces[0].insertion == (0.0, 0.0, 1.0)
    tilted = fit_implant(implant, bone, FitOptions(insertion=(0.0, 1.0, 1.0)))
    assert tilted.pieces[0].undercut_ml > 5 * straight.pieces[0].undercut_ml
    with pytest.raises(UsageError, match="cannot be pulled out"):
        fit_implant(implant, bone, FitOptions(insertion=(0.0, 0.0, -1.0)))
    with pytest.raises(UsageError, match="no length"):
        FitOptions(insertion=(0.0, 0.0, 0.0))


def test_a_bevel_rests_on_the_outer_table(plain: FittedImplant) -> None:
    implant, bone = dome()
    lipped = fit_implant(implant, bone, FitOptions(edge="bevel"))
    added = lipped.mask.array & ~plain.mask.array
    index = np.argwhere(added)[:, ::-1] * VOXEL + [-45.0, -45.0, 20.0]
    radius, across = np.linalg.norm(index, axis=1), np.hypot(index[:, 0], index[:, 1])
    assert radius.min() > 65 - VOXEL
    assert radius.max() < 65 + 2.5
    assert across.max() > 21.0
    assert across.max() < 20 + 3.0 + VOXEL
    assert lipped.measures.components == 1
    assert lipped.pieces[0].gap_mean == plain.pieces[0].gap_mean
    assert lipped.pieces[0].penetration < 0.25 * VOXEL


def test_holes_are_round_and_away_from_the_rim(plain: FittedImplant) -> None:
    implant, bone = dome()
    drilled = fit_implant(implant, bone, FitOptions(holes=HolePattern(2.0, 8.0)))
    count = drilled.pieces[0].holes
    assert 10 < count < 40
    solid = trimesh.Trimesh(drilled.mesh.vertices, drilled.mesh.faces, process=False)
    assert solid.euler_number == 2 - 2 * count  # as many holes as were drilled
    removed = plain.measures.volume_ml - drilled.measures.volume_ml
    assert removed == pytest.approx(count * np.pi * 5.0 / 1000, rel=0.08)
    with pytest.raises(UsageError, match="No hole"):
        fit_implant(*_small(), FitOptions(holes=HolePattern(10.0, 20.0)))


def _small() -> tuple[Volume, Volume]:
    implant, bone = dome()
    _, y, x = np.mgrid[:70, :130, :130] * VOXEL
    small = implant.array & (np.hypot(x - 45, y - 45) < 6)
    return Volume(small, implant.geometry), Volume(
        bone.array | (implant.array & ~small), bone.geometry
    )


@pytest.mark.parametrize("text", ["2", "2@", "a@b", "2@1", "0.1@5", "50@100", "-2@10", "2@1e9"])
def test_bad_holes_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_holes(text)


def test_holes_are_read() -> None:
    assert parse_holes(" 2.5 @ 10 ") == HolePattern(2.5, 10.0)


def test_decimation_has_fewer_triangles(plain: FittedImplant) -> None:
    fewer = fit_implant(*dome(), FitOptions(decimate_mm=0.05))
    assert fewer.measures.triangles < 0.8 * plain.measures.triangles
    assert fewer.measures.volume_ml == pytest.approx(plain.measures.volume_ml, rel=0.01)


def test_two_pieces_are_fitted_each_in_its_own_direction() -> None:
    z, y, x = np.mgrid[:110, :110, :60] * 1.2
    x, y, z = x - 36.0, y - 66.0, z - 66.0
    geometry = Geometry((60, 110, 110), (1.2,) * 3, (-36.0, -66.0, -66.0), EYE)
    radius = np.sqrt(x**2 + y**2 + z**2)
    shell = (radius <= 60) & (radius > 54)
    top, front = (np.hypot(x, y) < 14) & (z > 0), (np.hypot(x, z) < 10) & (y < 0)
    implant, bone = shell & (top | front), shell & ~top & ~front
    fitted = fit_implant(Volume(implant, geometry), Volume(bone, geometry))
    assert fitted.measures.components == 2
    assert fitted.pieces[0].insertion[2] > 0.95
    assert fitted.pieces[1].insertion[1] < -0.95
    assert fitted.pieces[0].volume_ml > fitted.pieces[1].volume_ml


def test_a_piece_too_small_for_the_clearance_is_left_out_and_said() -> None:
    implant, bone = dome()
    _, y, x = np.mgrid[:70, :130, :130] * VOXEL
    beside = np.hypot(x - 45 - 32, y - 45) < 2.2
    both = implant.array | (bone.array & beside)
    two = Volume(both, implant.geometry), Volume(bone.array & ~both, bone.geometry)
    fitted = fit_implant(*two, FitOptions(clearance_mm=1.0))
    assert fitted.measures.components == 1
    assert any("is not in the solid" in w for w in fitted.warnings)
    assert not (fitted.mask.array & beside).any()


def test_the_same_input_gives_the_same_bytes(plain: FittedImplant) -> None:
    again = fit_implant(*dome())
    assert again.mesh.vertices.tobytes() == plain.mesh.vertices.tobytes()
    assert again.mesh.faces.tobytes() == plain.mesh.faces.tobytes()
    assert again.pieces == plain.pieces


def test_empty_masks_and_other_grids_are_refused() -> None:
    implant, bone = dome()
    empty = Volume(np.zeros_like(implant.array), implant.geometry)
    with pytest.raises(InputError):
        fit_implant(empty, bone)
    with pytest.raises(InputError):
        fit_implant(implant, empty)
    with pytest.raises(InputError, match="not on one grid"):
        fit_implant(implant, Volume(bone.array, replace(bone.geometry, origin=(0.0, 0.0, 0.0))))
    with pytest.raises(InputError, match="lies in the bone"):
        fit_implant(implant, implant)


@pytest.mark.real
@pytest.mark.slow
def test_a_true_implant_is_fitted_with_everything(real_data: Path) -> None:
    import SimpleITK as sitk

    whole = sitk.ReadImage(str(real_data / "autoimplant" / "complete_skull" / "001.nrrd"))
    geometry = Geometry(
        whole.GetSize(), whole.GetSpacing(), whole.GetOrigin(), whole.GetDirection()
    )
    path = real_data / "autoimplant" / "implant" / "001.nrrd"
    implant = sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0
    bone = Volume((sitk.GetArrayFromImage(whole) > 0) & ~implant, geometry)
    options = FitOptions(
        smooth_mm=0.7,
        min_thickness_mm=4.0,
        thicken=True,
        edge="bevel",
        holes=HolePattern(2.0, 10.0),
        fix_undercuts=True,
        decimate_mm=0.05,
    )
    fitted = fit_implant(Volume(implant, geometry), bone, options)
    assert fitted.measures.watertight
    assert fitted.pieces[0].gap_mean == pytest.approx(0.5, abs=0.5)
    assert not (fitted.mask.array & bone.array).any()
