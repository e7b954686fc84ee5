"""Whether a mesh is a solid that can be printed; if not, there is no file."""

from __future__ import annotations

import numpy as np

from skullfix.errors import OutputError
from skullfix.meshes.intersect import self_intersections
from skullfix.meshes.measure import MeshMeasures, measure_mesh
from skullfix.meshes.mesh import Mesh

VOLUME_TOLERANCE = 0.02
_LARGEST_MM = 400.0


def check_solid(
    mesh: Mesh, *, volume_ml: float | None = None, pieces: int | None = None
) -> MeshMeasures:
    """Check that a mesh is a closed, outward, simple solid of the expected size.

    Args:
        mesh: LPS mm.
        volume_ml: The volume of its mask; 2 % difference is allowed.
        pieces: How many pieces are expected.

    Returns:
        Its measures.

    Raises:
        OutputError: What is wrong, all of it.
    """
    faults = []
    if not len(mesh.faces) or not np.isfinite(mesh.vertices).all():
        raise OutputError(
            "The mesh is no solid: it has no faces, or a coordinate that is not finite."
        )
    measures = measure_mesh(mesh)
    if not measures.watertight:
        faults.append("it is not watertight")
    if measures.volume_ml <= 0:
        faults.append("its normals point inwards")
    if volume_ml is not None and abs(measures.volume_ml - volume_ml) > (
        VOLUME_TOLERANCE * volume_ml
    ):
        faults.append(
            f"its volume is {measures.volume_ml:.3f} ml, that of its mask {volume_ml:.3f}"
        )
    if pieces is not None and measures.components != pieces:
        faults.append(f"it has {measures.components} pieces, not {pieces}")
    if max(measures.bounding_box_mm) > _LARGEST_MM:
        faults.append(f"it is {max(measures.bounding_box_mm):.0f} mm long, larger than a head")
    if not faults:
        found = len(self_intersections(mesh))
        if found:
            faults.append(f"{found} pairs of its faces pass through each other")
    if faults:
        raise OutputError(
            f"The mesh is not a printable solid: {'; '.join(faults)}.",
            hint="Try --smooth 0.7, no --decimate, smaller or no --holes; the masks stay.",
        )
    return measures
