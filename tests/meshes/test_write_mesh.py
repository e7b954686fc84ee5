from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from skullfix.errors import InputError, OutputError, UsageError
from skullfix.images.volume import Geometry, Volume
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.surface import mask_surface
from skullfix.meshes.write import MESH_FORMATS, Space, write_mesh


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    z, y, x = np.mgrid[:20, :24, :30]
    mask = ((z - 10) / 6) ** 2 + ((y - 12) / 8) ** 2 + ((x - 14) / 11) ** 2 < 1
    eye = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    return mask_surface(
        Volume(mask, Geometry((30, 24, 20), (0.45, 0.45, 0.63), (-120.0, 35.0, 1240.0), eye))
    )


@pytest.mark.parametrize("space", ["lps", "ras"])
@pytest.mark.parametrize("form", MESH_FORMATS)
def test_another_library_reads_the_same_solid(
    mesh: Mesh, form: str, space: Space, tmp_path: Path
) -> None:
    path = write_mesh(mesh, tmp_path / f"a_implant.{form}", space=space)
    back = trimesh.load_mesh(path)  # joins equal corners of an STL file
    assert back.is_watertight
    assert back.is_winding_consistent
    assert back.volume / 1000 == pytest.approx(mesh.volume_ml(), rel=1e-4)
    turn = np.array([-1, -1, 1]) if space == "ras" else np.ones(3)
    expected = np.sort([mesh.vertices.min(0) * turn, mesh.vertices.max(0) * turn], axis=0)
    assert np.allclose(back.bounds, expected, atol=2e-4)
    assert len(back.faces) == len(mesh.faces)


def test_unit_and_frame_are_in_every_file(mesh: Mesh, tmp_path: Path) -> None:
    for form in MESH_FORMATS:
        for space in ("lps", "ras"):
            path = write_mesh(mesh, tmp_path / f"{space}.{form}", space=space)
            if form == "3mf":
                with zipfile.ZipFile(path) as package:
                    head = package.read("3D/3dmodel.model")[:400]
                assert b'unit="millimeter"' in head
            else:
                head = path.read_bytes()[:200]
                assert b"UNIT=mm" in head
            assert f"SPACE={space.upper()}".encode() in head
            assert not head.startswith(b"solid")  # which would announce a text STL


@pytest.mark.parametrize("form", MESH_FORMATS)
def test_the_same_mesh_gives_the_same_bytes(mesh: Mesh, form: str, tmp_path: Path) -> None:
    first = write_mesh(mesh, tmp_path / f"a.{form}").read_bytes()
    second = write_mesh(mesh, tmp_path / f"b.{form}").read_bytes()
    assert first == second


def test_numpy_stl_reads_normals_that_point_outward(mesh: Mesh, tmp_path: Path) -> None:
    from stl.mesh import Mesh as StlMesh

    read = StlMesh.from_file(str(write_mesh(mesh, tmp_path / "a.stl")))
    outward = read.vectors.mean(axis=1) - mesh.vertices.mean(axis=0)
    assert (np.einsum("ij,ij->i", read.normals, outward) > 0).mean() > 0.99


def test_refusals(mesh: Mesh, tmp_path: Path) -> None:
    path = write_mesh(mesh, tmp_path / "a.stl")
    with pytest.raises(OutputError, match="exists already"):
        write_mesh(mesh, path)
    write_mesh(mesh, path, overwrite=True)
    with pytest.raises(OutputError, match="cannot be written"):
        write_mesh(mesh, tmp_path / "nowhere" / "a.stl")
    with pytest.raises(UsageError):
        write_mesh(mesh, tmp_path / "a.step")
    with pytest.raises(UsageError):
        write_mesh(mesh, tmp_path / "b.stl", space="xyz")  # type: ignore[arg-type]
    with pytest.raises(InputError):
        write_mesh(Mesh(mesh.vertices * np.nan, mesh.faces), tmp_path / "b.stl")
    assert [p.name for p in tmp_path.iterdir()] == ["a.stl"]
