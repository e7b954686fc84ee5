"""What a lab asks of a mesh: volume, area, size, pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skullfix.errors import InputError
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.topology import component_of_faces, is_closed


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
    corners = mesh.triangles()
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    used = mesh.vertices[np.unique(mesh.faces)]
    extent = np.ptp(used, axis=0)
    return MeshMeasures(
        volume_ml=mesh.volume_ml(),
        area_mm2=float(np.linalg.norm(cross, axis=1).sum() / 2),
        bounding_box_mm=(float(extent[0]), float(extent[1]), float(extent[2])),
        triangles=len(mesh.faces),
        watertight=is_closed(mesh.faces),
        components=int(component_of_faces(mesh.faces).max()) + 1,
    )
