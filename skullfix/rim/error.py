"""How far an implant's surface lies from the true one, from what is known at its rim.

A Gaussian process over the surface (kriging). Its covariance was measured on answers to holes
whose truth is known: the error grows from 0.3 mm at the rim to 0.75 mm deep in a hole
(`Places.of`), two errors are alike by exp(-distance / 15 mm) but near each other, and where the
outer surface lies too far out the inner one does as well, 0.45 times (`_SAME`, `_TURNED`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from skullfix.rim.surface import Points

FARTHEST_MM = 1.0
"""By which the rim counts as wrong, at most."""

_RIM_MM, _DEEPER_MM, _DEPTH_MM = 0.3, 0.45, 5.0
_ALIKE_MM, _ROUND_MM = 15.0, 1.0
_SAME, _TURNED = 0.275, 0.725  # alike by the first, and by the second times the normals' cosine
_NOISE_MM = 0.05
_DOUBTED = 2.5  # standard deviations
_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Places:
    """Places on an implant's surface.

    Attributes:
        points: (N, 3) LPS mm.
        normals: (N, 3) unit, outwards.
        usual: (N,) standard deviation of the error, mm.
    """

    points: Points
    normals: Points
    usual: NDArray[np.float64]

    @classmethod
    def of(cls, points: Points, normals: Points, depth: NDArray[np.float64]) -> Places:
        """Take places that lie (N,) mm from the nearest bone."""
        return cls(points, normals, _RIM_MM + _DEEPER_MM * (1 - np.exp(-depth / _DEPTH_MM)))

    def __len__(self) -> int:
        return len(self.points)

    def part(self, which: slice | NDArray[np.int64]) -> Places:
        """Give some of the places."""
        return Places(self.points[which], self.normals[which], self.usual[which])

    def covariance(self, others: Places) -> NDArray[np.float64]:
        """(N, M) covariance of the errors here with those at other places, mm²."""
        apart = (self.points**2).sum(1)[:, None] + (others.points**2).sum(1)
        apart -= 2 * self.points @ others.points.T
        reach = np.sqrt(np.maximum(apart, 0) + _ROUND_MM**2) - _ROUND_MM
        alike = _SAME + _TURNED * self.normals @ others.normals.T
        size = self.usual[:, None] * others.usual
        return np.asarray(size * np.exp(-reach / _ALIKE_MM) * alike)


def expected_error(
    rim: Places, seen: NDArray[np.float64], variance: NDArray[np.float64], wanted: Places
) -> NDArray[np.float64]:
    """Foretell by how much the true surface lies farther out than the implant's.

    Args:
        rim: Places at the rim, not empty.
        seen: (N,) mm by which it seems to lie farther out there.
        variance: (N,) of what is seen, mm².
        wanted: M other places.

    Returns:
        (M,) mm, along the normals. Rounded, because the digits that are cut off depend on the
        number of threads.
    """
    among = rim.covariance(rim)
    odd = np.abs(seen) / (_DOUBTED * np.sqrt(rim.usual**2 + variance))
    doubt = np.maximum(odd**2 - 1, 0)
    among.flat[:: len(seen) + 1] += (variance + _NOISE_MM**2) * (1 + doubt) + doubt * rim.usual**2
    clipped = np.clip(seen, -FARTHEST_MM, FARTHEST_MM)
    weights = cho_solve(cho_factor(among, lower=True), clipped)
    error = np.empty(len(wanted))
    for first in range(0, len(wanted), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        error[part] = wanted.part(part).covariance(rim) @ weights
    return np.round(error, 4)
