"""A mesh without its crumbs and closed pockets."""

from __future__ import annotations

import numpy as np

from skullfix.meshes.mesh import Mesh
from skullfix.meshes.topology import component_of_faces


def without_specks(mesh: Mesh, minimum_ml: float) -> Mesh:
    """Drop closed pieces of surface that enclose little, and all that enclose a void.

    Args:
        mesh: Watertight, outward normals; a void's wall is a piece of negative volume.
        minimum_ml: Smaller pieces are dropped; the largest one always stays.

    Returns:
        The mesh of the rest, without unused vertices.
    """
    if not len(mesh.faces):
        return mesh
    piece = component_of_faces(mesh.faces)
    corners = mesh.triangles() - mesh.vertices.mean(axis=0)
    signed = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6000.0
    volumes = np.bincount(piece, weights=signed)
    keep = volumes >= minimum_ml
    keep[int(np.argmax(volumes))] = True
    if keep.all():
        return mesh
    faces = mesh.faces[keep[piece]]
    used, renumbered = np.unique(faces, return_inverse=True)
    return Mesh(mesh.vertices[used], renumbered.reshape(faces.shape).astype(np.int32))


def join_meshes(meshes: list[Mesh]) -> Mesh:
    """Put separate meshes into one.

    Args:
        meshes: At least one.

    Returns:
        A mesh with all vertices and faces.
    """
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    faces = [m.faces + np.int32(start) for m, start in zip(meshes, starts, strict=True)]
    return Mesh(np.concatenate([m.vertices for m in meshes]), np.concatenate(faces))
