"""To manifold3d's solids and back, and fewer triangles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skullfix.errors import InputError, UsageError
from skullfix.meshes.intersect import self_intersections
from skullfix.meshes.mesh import Mesh


def to_manifold(mesh: Mesh, shift: NDArray[np.float64]) -> Any:
    """Hand a mesh to manifold3d.

    Args:
        mesh: Watertight.
        shift: (3,) float64 LPS mm, taken off the vertices first: manifold3d works near the origin.

    Returns:
        A `manifold3d.Manifold`.

    Raises:
        InputError: The mesh is not a manifold.
    """
    from manifold3d import Error, Manifold
    from manifold3d import Mesh64 as Source

    solid = Manifold(
        Source(
            np.ascontiguousarray(mesh.vertices - shift),
            np.ascontiguousarray(mesh.faces.astype(np.uint64)),
        )
    )
    if solid.status() != Error.NoError or solid.is_empty():
        raise InputError(
            f"The mesh is not a manifold solid ({solid.status().name}); a closed one was expected.",
            hint="Make it from a mask with `skullfix mesh`.",
        )
    return solid


def from_manifold(solid: Any, shift: NDArray[np.float64]) -> Mesh:
    """Take a mesh back from manifold3d.

    Args:
        solid: A `manifold3d.Manifold`.
        shift: What `to_manifold` took off.

    Returns:
        The mesh, LPS mm.
    """
    result = solid.to_mesh64()
    vertices = np.asarray(result.vert_properties, np.float64)[:, :3] + shift
    return Mesh(vertices, np.ascontiguousarray(np.asarray(result.tri_verts).astype(np.int32)))


def check_decimation(tolerance_mm: float) -> None:
    """Refuse a tolerance that is not within 0 to 1 mm.

    Raises:
        UsageError: It is not.
    """
    if not 0 <= tolerance_mm <= 1:
        raise UsageError(
            f"A decimation by {tolerance_mm:g} mm was asked for; it must lie between 0 and 1 mm.",
            hint="0.05 mm suits most printers.",
        )


def decimate_mesh(mesh: Mesh, tolerance_mm: float) -> Mesh:
    """Remove triangles while no surface moves by more than a tolerance.

    Args:
        mesh: Watertight.
        tolerance_mm: 0 to 1 mm; 0 leaves the mesh as it is.

    Returns:
        A watertight mesh whose vertices are some of those of the first. Where faces came to
        cross, a half, a quarter or an eighth of the tolerance is used, or none.

    Raises:
        UsageError: The tolerance is out of range.
    """
    check_decimation(tolerance_mm)
    if tolerance_mm == 0:
        return mesh
    shift = mesh.vertices.mean(axis=0)
    solid = to_manifold(mesh, shift)
    for halving in range(4):
        fewer = from_manifold(solid.simplify(tolerance_mm / 2**halving), shift)
        if not len(self_intersections(fewer)):
            return fewer
    return mesh
