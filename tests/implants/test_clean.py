from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from skullfix.errors import InputError
from skullfix.evaluation.metrics import dice
from skullfix.images.phantom import Phantom, head_phantom
from skullfix.images.volume import Geometry, Volume
from skullfix.implants.clean import clean_implant


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return head_phantom(spacing=(1.0, 1.0, 1.0))


def _masks(phantom: Phantom) -> tuple[np.ndarray, np.ndarray]:
    return phantom.bone.array & ~phantom.implant.array, phantom.implant.array


def test_a_clean_candidate_stays_as_it_is(phantom: Phantom) -> None:
    defective, implant = _masks(phantom)
    found = clean_implant(phantom.implant, Volume(defective, phantom.bone.geometry))
    assert dice(found.mask.array, implant) > 0.995
    assert len(found.pieces_ml) == 1
    assert found.mask.geometry == phantom.bone.geometry


def test_film_specks_and_overlap_go(phantom: Phantom) -> None:
    defective, implant = _masks(phantom)
    rng = np.random.default_rng(0)
    outside = ndimage.distance_transform_edt(~defective)
    specks = (rng.random(implant.shape) < 0.002) & (outside < 4)
    candidate = implant | specks | (defective & (rng.random(implant.shape) < 0.5))
    bone = Volume(defective, phantom.bone.geometry)
    found = clean_implant(Volume(candidate, phantom.bone.geometry), bone)
    assert not (found.mask.array & defective).any()
    assert dice(found.mask.array, implant) > 0.98
    assert len(found.pieces_ml) == 1


def test_two_holes_give_two_pieces_and_a_crumb_goes(phantom: Phantom) -> None:
    bone = phantom.bone.array.copy()
    second = np.zeros_like(bone)
    second[120:165, 20:60, 60:150] = bone[120:165, 20:60, 60:150]  # forehead
    second &= ~ndimage.binary_dilation(phantom.implant.array, iterations=6)
    defective = bone & ~phantom.implant.array & ~second
    crumb = np.zeros_like(bone)
    crumb[80:86, 216:219, 100:106] = True
    candidate = Volume(phantom.implant.array | second | crumb, phantom.bone.geometry)
    found = clean_implant(candidate, Volume(defective, phantom.bone.geometry))
    assert len(found.pieces_ml) == 2
    assert found.pieces_ml[0] > found.pieces_ml[1]
    assert not (found.mask.array & crumb).any()


def test_a_shell_on_intact_bone_is_no_defect(phantom: Phantom) -> None:
    bone = phantom.bone.array
    shell = ndimage.binary_dilation(bone, iterations=1) & ~bone
    shell[:110] = False
    found = clean_implant(Volume(shell, phantom.bone.geometry), phantom.bone)
    assert found.pieces_ml == ()
    assert not found.mask.array.any()


def test_a_floating_lump_is_no_defect(phantom: Phantom) -> None:
    lump = np.zeros_like(phantom.bone.array)
    lump[90:110, 110:130, 95:115] = True  # in the middle of the brain
    found = clean_implant(Volume(lump, phantom.bone.geometry), phantom.bone)
    assert found.pieces_ml == ()


def test_an_empty_candidate_is_no_defect(phantom: Phantom) -> None:
    empty = Volume(np.zeros(phantom.bone.array.shape, np.uint8), phantom.bone.geometry)
    found = clean_implant(empty, phantom.bone)
    assert found.pieces_ml == ()


def test_thin_bone_stays_and_film_on_a_fine_grid_goes() -> None:
    eye = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    geometry = Geometry((100, 100, 30), (0.45, 0.45, 0.45), (0.0, 0.0, 0.0), eye)
    wall = np.zeros(geometry.shape, bool)
    wall[10:14] = True  # 1.8 mm, a thin temple
    hole = np.zeros_like(wall)
    hole[10:14, 25:75, 25:75] = True
    film = np.zeros_like(wall)
    film[14:16, 20:95, 20:95] = True  # 0.9 mm on bone and implant
    bone = Volume(wall & ~hole, geometry)
    thin = clean_implant(Volume(hole, geometry), bone, minimum_ml=0.5)
    assert dice(thin.mask.array, hole) > 0.99
    filmed = clean_implant(Volume(hole | film, geometry), bone, minimum_ml=0.5)
    rest = filmed.mask.array & film & ~ndimage.binary_dilation(hole, iterations=4)
    assert not rest.any()


def test_a_small_hole_beside_a_large_one_is_filled_too() -> None:
    eye = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    geometry = Geometry((160, 120, 30), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), eye)
    wall, holes = np.zeros((2, *geometry.shape), bool)
    wall[10:16] = True
    holes[10:16, 10:110, 10:110] = True
    holes[10:16, 50:66, 130:146] = True
    found = clean_implant(Volume(holes, geometry), Volume(wall & ~holes, geometry))
    assert found.pieces_ml == pytest.approx((60.0, 1.5), rel=0.05)


def test_other_grids_are_refused(phantom: Phantom) -> None:
    small = head_phantom(spacing=(4.0, 4.0, 4.0)).bone
    with pytest.raises(InputError, match="not on one grid"):
        clean_implant(phantom.implant, small)


@pytest.mark.real
def test_true_implants_survive(real_data: Path) -> None:
    import SimpleITK as sitk

    for name in ("000", "044"):
        whole = sitk.ReadImage(str(real_data / "autoimplant" / "complete_skull" / f"{name}.nrrd"))
        geometry = Geometry(
            whole.GetSize(), whole.GetSpacing(), whole.GetOrigin(), whole.GetDirection()
        )
        path = real_data / "autoimplant" / "implant" / f"{name}.nrrd"
        implant = sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0
        defective = (sitk.GetArrayFromImage(whole) > 0) & ~implant
        found = clean_implant(Volume(implant, geometry), Volume(defective, geometry))
        assert dice(found.mask.array, implant) > 0.99
