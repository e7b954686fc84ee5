"""Meshes into files that printers and planning software read.

All formats carry the unit (mm) and the frame: in the header of STL, as a comment of PLY and OBJ
(`SPACE=LPS`, which 3D Slicer obeys in all three), as metadata of 3MF. The bytes depend on the
mesh and the frame alone.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError, UsageError
from skullfix.files.whole import whole_file
from skullfix.meshes.mesh import Mesh

Space = Literal["lps", "ras"]
MESH_FORMATS = ("stl", "ply", "obj", "3mf")

_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels"'
    ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model"'
    ' ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
_RELATIONSHIPS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/3dmodel.model" Id="rel0"'
    ' Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)


def check_mesh_output(mesh_format: str, space: str) -> None:
    """Refuse an unknown ``--mesh-format`` or ``--space`` before any work.

    Raises:
        UsageError: One is unknown.
    """
    if mesh_format not in MESH_FORMATS:
        raise UsageError(
            f"--mesh-format {mesh_format} is unknown",
            hint=f"choose one of {', '.join(MESH_FORMATS)}",
        )
    if space not in ("lps", "ras"):
        raise UsageError(f"--space {space} is unknown", hint="choose lps or ras")


def write_mesh(mesh: Mesh, path: Path, *, space: Space = "lps", overwrite: bool = False) -> Path:
    """Write a mesh as STL (binary), PLY (binary), OBJ or 3MF, by the ending of the name.

    Args:
        mesh: Vertices in LPS mm.
        path: Where to; the ending chooses the format.
        space: Frame of the coordinates written: LPS as in DICOM, or RAS.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path.

    Raises:
        UsageError: The ending or the space is unknown.
        InputError: The mesh has no face, or a coordinate that is not finite.
        OutputError: The file exists already or cannot be written.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in MESH_FORMATS or space not in ("lps", "ras"):
        raise UsageError(
            f"A mesh was to be written to {path.name} in space {space!r}.",
            hint=f"Endings: {', '.join(MESH_FORMATS)}. Spaces: lps, ras.",
        )
    if not len(mesh.faces) or not np.isfinite(mesh.vertices).all():
        raise InputError("The mesh has no faces, or a coordinate that is not a finite number.")
    vertices = to_space(mesh.vertices, space)
    writer = {"stl": _stl, "ply": _ply, "obj": _obj, "3mf": _three_mf}[form]
    with whole_file(path, overwrite=overwrite) as file:
        writer(file, vertices, mesh.faces, space)
    return path


def to_space(vertices: NDArray[np.float64], space: Space) -> NDArray[np.float64]:
    """Turn LPS positions into a frame; LPS to RAS is a half turn about z.

    Args:
        vertices: (N, 3) float64, LPS mm.
        space: The frame wanted.

    Returns:
        (N, 3) float64, mm.
    """
    return vertices if space == "lps" else vertices * np.array([-1.0, -1.0, 1.0])


def _note(space: Space) -> str:
    return f"skullfix UNIT=mm SPACE={space.upper()}"


def _stl(
    file: IO[bytes], vertices: NDArray[np.float64], faces: NDArray[np.int32], space: Space
) -> None:
    from stl import Mode
    from stl.mesh import Mesh as StlMesh

    class Undated(StlMesh):
        """numpy-stl's mesh without the date in its header."""

        def get_header(self, name: object) -> str:
            return str(name)[:80].ljust(80)

    data = np.zeros(len(faces), dtype=StlMesh.dtype)
    a, b, c = (vertices[faces[:, k]].astype(np.float32) for k in range(3))
    for k, corner in enumerate((a, b, c)):
        data["vectors"][:, k] = corner
    data["normals"] = np.cross(b - a, c - a)  # the library would find areas and centres too
    made = Undated(data, remove_empty_areas=False, name=_note(space), calculate_normals=False)
    made.save(_note(space), fh=file, mode=Mode.BINARY, update_normals=False)


def _ply(
    file: IO[bytes], vertices: NDArray[np.float64], faces: NDArray[np.int32], space: Space
) -> None:
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"comment {_note(space)}\ncomment SPACE={space.upper()}\n"
        f"element vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\n"
        "property list uchar int vertex_indices\nend_header\n"
    )
    rows = np.empty(len(faces), dtype=[("count", "u1"), ("corners", "<i4", (3,))])
    rows["count"], rows["corners"] = 3, faces
    file.write(header.encode("ascii"))
    file.write(vertices.astype("<f4").tobytes())
    file.write(rows.tobytes())


def _obj(
    file: IO[bytes], vertices: NDArray[np.float64], faces: NDArray[np.int32], space: Space
) -> None:
    file.write(f"# {_note(space)}\n# SPACE={space.upper()}\n".encode("ascii"))
    file.write(_lines("v %.5f %.5f %.5f\n", vertices))
    file.write(_lines("f %d %d %d\n", faces + 1))


def _three_mf(
    file: IO[bytes], vertices: NDArray[np.float64], faces: NDArray[np.int32], space: Space
) -> None:
    model = b"".join(
        [
            b'<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<model unit="millimeter" xml:lang="en-US" xmlns="{_CORE}">'.encode(),
            f'<metadata name="Description">{_note(space)}</metadata>'.encode(),
            b'<resources><object id="1" type="model"><mesh><vertices>\n',
            _lines('<vertex x="%.5f" y="%.5f" z="%.5f"/>\n', vertices),
            b"</vertices><triangles>\n",
            _lines('<triangle v1="%d" v2="%d" v3="%d"/>\n', faces),
            b'</triangles></mesh></object></resources><build><item objectid="1"/></build></model>',
        ]
    )
    with zipfile.ZipFile(file, "w") as package:
        for name, text in (
            ("[Content_Types].xml", _CONTENT_TYPES.encode()),
            ("_rels/.rels", _RELATIONSHIPS.encode()),
            ("3D/3dmodel.model", model),
        ):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, text, compresslevel=5)


def _lines(form: str, rows: NDArray[np.float64] | NDArray[np.int32]) -> bytes:
    return ((form * len(rows)) % tuple(rows.ravel().tolist())).encode("ascii")
