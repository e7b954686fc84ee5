"""Heads between two heads: one person's bone in a shape between theirs and another's.

Every head of the population is registered to one of them, the template (`register`). A point of
head B then corresponds to a point of head A through the template, and bone of A moved along a
part of that way has a shape between both: variation as it occurs, where random bends only guess.
Augmentation by registration is that of Ellis and Aizenberg, AutoImplant 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.images.midplane import Plane
from skullfix.images.resample import trilinear

_INVERSIONS = 8  # fixed-point steps; each leaves a fifth of the error or less
_MARGIN_MM = 5.0  # a shape in between may bulge out of the box in between


@dataclass(frozen=True, eq=False)
class Shape:
    """A head's correspondence with the template.

    Coordinates are mm, LPS, relative to each head's own centre.

    Attributes:
        centre: (3,) LPS mm: the centroid of the vault's bone.
        low: (3,) corner of the box that holds the head.
        high: (3,) the opposite corner.
        field: (3, d, h, w) float32: what to add to a template's point (x, y, z) to get the
            head's, on the template's grid.
        plane: The head's mid-sagittal plane, LPS mm; None if unknown.
    """

    centre: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    field: Tensor
    plane: Plane | None = None


@dataclass(frozen=True, eq=False)
class Morph:
    """From head ``source`` a share of the way to head ``target``.

    Attributes:
        source: The head whose bone is used.
        target: The head whose shape is approached.
        share: 0 (the source's shape) to 1 (the target's).
        origin: (3,) first point of both fields' grid, relative to the template's centre.
        spacing: Of that grid, mm.
    """

    source: Shape
    target: Shape
    share: float
    origin: NDArray[np.float64]
    spacing: float

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Box of the new head, LPS mm in the source's world."""
        low, high = (
            self.source.centre + (1 - self.share) * own + self.share * other
            for own, other in (
                (self.source.low, self.target.low),
                (self.source.high, self.target.high),
            )
        )
        return low - _MARGIN_MM, high + _MARGIN_MM

    def source_points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points (..., 3) of the new head lie in the source, LPS mm in the source's world."""
        wanted = points - self.source.centre
        template = wanted.copy()
        for _ in range(_INVERSIONS):
            template += wanted - self._mapped(self.target, template)
        return points + self.share * (self._mapped(self.source, template) - wanted)

    def plane(self) -> Plane | None:
        """Mid-sagittal plane of the new head, between both heads' own, in the source's world."""
        own, other = self.source.plane, self.target.plane
        if own is None or other is None:
            return None
        normals = [np.asarray(plane.normal) for plane in (own, other)]
        away = [
            (np.asarray(plane.point) - shape.centre) @ normal
            for plane, shape, normal in zip(
                (own, other), (self.source, self.target), normals, strict=True
            )
        ]
        normal = (1 - self.share) * normals[0] + self.share * normals[1]
        normal /= np.linalg.norm(normal)
        offset = (1 - self.share) * away[0] + self.share * away[1]
        return Plane.through(self.source.centre + offset * normal, normal)

    def _mapped(self, shape: Shape, template: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take points of the template to a head; the field's edge goes on outside."""
        last = np.asarray(shape.field.shape[:0:-1], np.float64) - 1
        index = np.clip((template - self.origin) / self.spacing, 0, last)
        place = torch.from_numpy(index.astype(np.float32))
        found = torch.stack([trilinear(part, place) for part in shape.field], -1)
        moved: NDArray[np.float64] = template + found.double().numpy()
        return moved


@dataclass(frozen=True, eq=False)
class Shapes:
    """A registered population.

    Attributes:
        shapes: One for each case, in the cases' order.
        origin: Of the fields' grid, see `Morph`.
        spacing: Of the fields' grid, mm.
    """

    shapes: list[Shape]
    origin: NDArray[np.float64]
    spacing: float

    def between(self, source: int, target: int, share: float) -> Morph:
        """Make the way from one case to another."""
        return Morph(self.shapes[source], self.shapes[target], share, self.origin, self.spacing)
