from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skullfix.errors import InputError
from skullfix.images.volume import Geometry, Volume
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.surface import cut_surface, mask_surface
from skullfix.meshes.weld import weld

OBLIQUE = trimesh.transformations.euler_matrix(0.3, -0.5, 1.1)[:3, :3]
MIRRORED = OBLIQUE @ np.diag([1.0, 1.0, -1.0])


def volume(
    mask: np.ndarray,
    spacing: tuple[float, float, float] = (0.8, 0.7, 1.3),
    direction: np.ndarray = OBLIQUE,
) -> Volume:
    size = mask.shape[::-1]
    return Volume(mask, Geometry(size, spacing, (-90.0, 33.0, 210.0), tuple(direction.ravel())))


def check_solid(mesh: Mesh) -> trimesh.Trimesh:
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.volume > 0
    assert mesh.vertices.dtype == np.float64
    assert mesh.faces.dtype == np.int32
    return solid


def ball(radius: float = 9.0, hollow: float = 0.0) -> np.ndarray:
    z, y, x = np.mgrid[-12:13, -12:13, -12:13]
    distance = np.sqrt(z**2 + y**2 + x**2)
    return (distance <= radius) & (distance >= hollow)


@pytest.mark.parametrize("direction", [np.eye(3), OBLIQUE, MIRRORED])
def test_surface_lies_where_the_mask_does(direction: np.ndarray) -> None:
    mask = volume(ball(), direction=direction)
    mesh = mask_surface(mask)
    solid = check_solid(mesh)
    index = np.argwhere(mask.array)[:, ::-1]
    world = index @ mask.geometry.affine()[:3, :3].T + np.asarray(mask.geometry.origin)
    assert np.allclose(solid.center_mass, world.mean(axis=0), atol=0.02)
    assert np.allclose(solid.bounds, [world.min(axis=0), world.max(axis=0)], atol=0.9)
    expected = mask.array.sum() * mask.geometry.voxel_volume_ml
    assert mesh.volume_ml() == pytest.approx(expected, rel=0.005)
    assert mesh.volume_ml() == pytest.approx(solid.volume / 1000)


@pytest.mark.parametrize("wall", [1, 2, 3])
def test_a_thin_curved_plate_keeps_its_volume(wall: int) -> None:
    z, y, x = np.mgrid[:60, :60, :60]
    radius = np.sqrt((z - 30) ** 2 + (y - 30) ** 2 + (x + 30) ** 2)
    plate = (np.abs(radius - 70) <= wall / 2) & (np.hypot(z - 30, y - 30) < 24)
    mask = volume(plate)
    mesh = mask_surface(mask)
    check_solid(mesh)
    expected = plate.sum() * mask.geometry.voxel_volume_ml
    assert mesh.volume_ml() == pytest.approx(expected, rel=0.02)


def test_a_raw_distance_map_would_lose_a_third_of_a_thin_plate() -> None:
    import SimpleITK as sitk

    z, y, x = np.mgrid[:60, :60, :60]
    radius = np.sqrt((z - 30) ** 2 + (y - 30) ** 2 + (x + 30) ** 2)
    mask = volume((np.abs(radius - 70) <= 1.5) & (np.hypot(z - 30, y - 30) < 24))
    wanted = mask.array.sum() * mask.geometry.voxel_volume_ml
    image = sitk.GetImageFromArray(mask.array.astype(np.uint8))
    distance = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, True, False, False))
    raw = cut_surface(distance.astype(np.float32), mask.geometry.affine(), 0.0)
    assert raw.volume_ml() < 0.7 * wanted  # zero lies on the outermost voxels, not around them
    assert mask_surface(mask).volume_ml() == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize(
    "mask",
    [
        np.eye(2, dtype=bool)[None].repeat(3, axis=0),  # an edge in common
        np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], bool),  # a corner in common
        np.indices((6, 6, 6)).sum(axis=0) % 2 == 0,  # chessboard
        np.ones((1, 1, 1), bool),
        np.ones((7, 5, 4), bool),  # touches all borders
        np.ones((1, 9, 9), bool),  # one slice
        ball(9, hollow=4),  # with a void
    ],
)
def test_difficult_masks_are_closed(mask: np.ndarray) -> None:
    on_grid = volume(mask)
    mesh = mask_surface(on_grid)
    check_solid(mesh)
    expected = mask.sum() * on_grid.geometry.voxel_volume_ml
    assert mesh.volume_ml() == pytest.approx(expected, rel=0.02)


@settings(max_examples=60)
@given(hnp.arrays(bool, st.tuples(*[st.integers(1, 7)] * 3)))
def test_any_mask_is_closed(mask: np.ndarray) -> None:
    if not mask.any():
        with pytest.raises(InputError, match="empty"):
            mask_surface(volume(mask))
        return
    mesh = mask_surface(volume(mask))
    check_solid(mesh)
    written = weld(mesh)
    check_solid(written)
    corners = written.vertices.astype(np.float32)  # as an STL file holds them
    assert len(np.unique(corners, axis=0)) == len(corners)


def test_uint8_and_bool_masks_give_the_same_bytes() -> None:
    first = mask_surface(volume(ball()))
    second = mask_surface(volume(ball().astype(np.uint8)))
    assert first.vertices.tobytes() == second.vertices.tobytes()
    assert first.faces.tobytes() == second.faces.tobytes()


def test_a_level_of_ones_own() -> None:
    mask = volume(ball())
    assert mask_surface(mask, level=0.3).volume_ml() > mask_surface(mask, level=0.6).volume_ml()


@pytest.mark.parametrize("smoothing", [0.0, 9.0, float("nan")])
def test_smoothing_outside_its_range_is_refused(smoothing: float) -> None:
    with pytest.raises(InputError, match=r"between 0\.3 and 2"):
        mask_surface(volume(ball()), smoothing=smoothing)


@pytest.mark.real
def test_real_implants_keep_their_volume(real_data: Path) -> None:
    import SimpleITK as sitk

    for name in ("000", "037"):
        image = sitk.ReadImage(str(real_data / "autoimplant" / "implant" / f"{name}.nrrd"))
        geometry = Geometry(
            image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()
        )
        mask = Volume(sitk.GetArrayFromImage(image) > 0, geometry)
        mesh = mask_surface(mask)
        check_solid(mesh)
        expected = mask.array.sum() * geometry.voxel_volume_ml
        assert mesh.volume_ml() == pytest.approx(expected, rel=0.005)
