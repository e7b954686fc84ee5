"""A triangle mesh, and the shape of the masks that meshes are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skullfix.sparse.jit import compiled


class Grid(Protocol):
    """A grid that knows where its voxels lie; `skullfix.images.volume.Geometry` is one."""

    def affine(self) -> NDArray[np.float64]:
        """(4, 4) float64 matrix from index (x, y, z, 1) to world (LPS mm, 1)."""
        ...


class MaskVolume(Protocol):
    """An array on a grid; `skullfix.images.volume.Volume` is one."""

    @property
    def array(self) -> NDArray[Any]:
        """(z, y, x) bool or uint8 {0, 1}."""
        ...

    @property
    def geometry(self) -> Grid:
        """Where the voxels lie."""
        ...


@dataclass(frozen=True)
class Mesh:
    """A triangle surface.

    Attributes:
        vertices: (N, 3) float64, world position (x, y, z) in LPS mm.
        faces: (M, 3) int32, rows of ``vertices``, counter-clockwise seen from outside.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]

    def triangles(self) -> NDArray[np.float64]:
        """(M, 3, 3) float64: the three corners (LPS mm) of each face."""
        return self.vertices[self.faces]

    def volume_ml(self) -> float:
        """Enclosed volume in millilitres, by the divergence theorem; negative if inside out."""
        if not len(self.faces):
            return 0.0
        return float(_six_volumes(self.vertices - self.vertices.mean(axis=0), self.faces)) / 6000.0


@compiled()
def _six_volumes(vertices, faces):  # type: ignore[no-untyped-def]
    """Six times the volume between the origin and all faces, signed."""
    total = 0.0
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        total += (
            vertices[a, 0] * (vertices[b, 1] * vertices[c, 2] - vertices[b, 2] * vertices[c, 1])
            + vertices[a, 1] * (vertices[b, 2] * vertices[c, 0] - vertices[b, 0] * vertices[c, 2])
            + vertices[a, 2] * (vertices[b, 0] * vertices[c, 1] - vertices[b, 1] * vertices[c, 0])
        )
    return total
