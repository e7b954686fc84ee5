"""What a lab asks of a mesh: volume, area, size, pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skullfix.errors import InputError
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.topology import component_of_faces, is_closed
from skullfix.sparse.jit import compiled


@dataclass(frozen=True)
class MeshMeasures:
    """Measures of a mesh.

    Attributes:
        volume_ml: Enclosed volume; meaningful for a watertight mesh.
        area_mm2: Area of the surface.
        bounding_box_mm: Extents along world x, y and z.
        triangles: Number of faces.
        watertight: Whether each edge is shared by exactly two faces of one orientation.
        components: Pieces of surface; the inner wall of a void counts as one.
    """

    volume_ml: float
    area_mm2: float
    bounding_box_mm: tuple[float, float, float]
    triangles: int
    watertight: bool
    components: int


def measure_mesh(mesh: Mesh) -> MeshMeasures:
    """Measure a mesh.

    Args:
        mesh: At least one face.

    Returns:
        Its measures.

    Raises:
        InputError: The mesh has no face.
    """
    if not len(mesh.faces):
        raise InputError("The mesh has no faces: there is nothing to measure.")
    used = np.zeros(len(mesh.vertices), bool)
    used[mesh.faces.ravel()] = True
    extent = np.ptp(mesh.vertices[used], axis=0)
    return MeshMeasures(
        volume_ml=mesh.volume_ml(),
        area_mm2=float(_twice_the_area(mesh.vertices, mesh.faces)) / 2,
        bounding_box_mm=(float(extent[0]), float(extent[1]), float(extent[2])),
        triangles=len(mesh.faces),
        watertight=is_closed(mesh.faces),
        components=int(component_of_faces(mesh.faces).max()) + 1,
    )


@compiled()
def _twice_the_area(vertices, faces):  # type: ignore[no-untyped-def]
    """Twice the area of all faces together."""
    total = 0.0
    for face in range(len(faces)):
        a, b, c = vertices[faces[face, 0]], vertices[faces[face, 1]], vertices[faces[face, 2]]
        u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        v0, v1, v2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        n0, n1, n2 = u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0
        total += np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
    return total
