"""Heads between heads: one person's bone in a shape between theirs and others'.

Every head of the population is registered to one of them, the template (`register`). A point of
head B then corresponds to a point of head A through the template, and bone of A moved along a
part of that way has a shape between both: variation as it occurs, where random bends only guess.
Augmentation by registration is that of Ellis and Aizenberg, AutoImplant 2020. The head that is
approached may itself be a mixture: a weighted sum of several heads' displacements, as in a point
distribution model (Cootes et al. 1995), whose weights vary from place to place, so that a brow may
be one person's and the back of the head another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.images.midplane import Plane
from skullfix.images.resample import spread, trilinear
from skullfix.training.variety import WIDE, Variety

_INVERSIONS = 8  # fixed-point steps; each leaves a fifth of the error or less
_MARGIN_MM = 5.0  # a shape in between may bulge out of the box in between
MIXED = 3  # heads of a mixture
_CONTRAST = 1.5  # their weights are that much further from their mean than Dirichlet's


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
        weights = np.array([1 - self.share, self.share])
        mean = _mean_plane((self.source, self.target), weights)
        if mean is None:
            return None
        return Plane.through(np.asarray(mean.point) + self.source.centre, np.asarray(mean.normal))

    def _mapped(self, shape: Shape, template: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take points of the template to a head; the field's edge goes on outside."""
        last = np.asarray(shape.field.shape[:0:-1], np.float64) - 1
        index = np.clip((template - self.origin) / self.spacing, 0, last)
        place = torch.from_numpy(index.astype(np.float32))
        found = trilinear(shape.field, place).movedim(0, -1)
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

    def towards(self, source: int, target: Shape, share: float) -> Morph:
        """Make the way from one case to a shape of another case, or of `mixture`."""
        return Morph(self.shapes[source], target, share, self.origin, self.spacing)

    def mixture(self, rng: np.random.Generator, variety: Variety = WIDE) -> Shape:
        """Draw a head that nobody has: MIXED heads, weighted differently from place to place.

        The weights sum to one everywhere. They reach beyond 0 and 1, because a mean of heads
        varies less than heads do, and are the same on both sides, as heads are.
        """
        chosen = [self.shapes[int(n)] for n in rng.integers(len(self.shapes), size=MIXED)]
        weights = 1 / MIXED + _CONTRAST * (rng.dirichlet(np.ones(MIXED)) - 1 / MIXED)
        local = rng.normal(0, variety.mixed, (MIXED, 4, 4, 4))
        local = (local + local[..., ::-1]) / np.sqrt(2)
        local += weights[:, None, None, None] - local.mean(0)
        size = chosen[0].field.shape[1:]
        shares = spread(torch.from_numpy(local.astype(np.float32)), size)
        field = torch.stack([part * s.field for part, s in zip(shares, chosen, strict=True)]).sum(0)
        low, high = (
            np.tensordot(weights, [getattr(s, end) for s in chosen], 1) for end in ("low", "high")
        )
        return Shape(np.zeros(3), low, high, field, _mean_plane(chosen, weights))


def _mean_plane(shapes: Sequence[Shape], weights: NDArray[np.float64]) -> Plane | None:
    """Weighted mean of mid-sagittal planes, relative to the heads' centres; None if one lacks."""
    normal, offset = np.zeros(3), 0.0
    for shape, weight in zip(shapes, weights, strict=True):
        if shape.plane is None:
            return None
        own = np.asarray(shape.plane.normal)
        normal += weight * own
        offset += weight * float((np.asarray(shape.plane.point) - shape.centre) @ own)
    normal /= np.linalg.norm(normal)
    return Plane.through(offset * normal, normal)
