"""What a vault is expected to be like where it is not seen.

A Gaussian process over both surfaces (kriging; Rasmussen and Williams 2006, chapter 2). Its
covariance is that of the population, heads and mirror images, and, because a hundred heads span
far fewer shapes than heads have, smooth deviations beside it that both sides of a head share.
What is seen is conditioned on; single directions that disagree with all others (a vessel, a
suture, an air cell) are doubted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky
from scipy.linalg.lapack import dtrtri

from skullfix.vault.directions import mirror_images, vault_directions
from skullfix.vault.population import Vaults
from skullfix.vault.surfaces import plausible

_POPULATION = 2.0  # times the population's covariance
_OWN = ((0.5, 0.12), (1.0, 0.4))  # further deviations: mm, and radians that they reach
_OTHER_SIDE = 0.7  # of them that the other side of the head has too
_OTHER_SURFACE = 0.7  # correlation of outer and inner surface in them
_NOISE_MM = 0.2
_DOUBTED = 2.5  # standard deviations
_ODD_MM = 35.0  # from the mean: not this part of the head


@dataclass(frozen=True, eq=False)
class Expectation:
    """A vault as it is expected.

    Attributes:
        radii: (2, N) distance of outer and inner surface in each of `vault_directions`, mm; where
            the vault is seen NaN.
        miss: How far what is seen lies from what the rest of it foretells, mm: the median.
    """

    radii: NDArray[np.float64]
    miss: float


def expected(
    vaults: Vaults, seen: NDArray[np.float64], hidden: NDArray[np.bool_]
) -> Expectation | None:
    """Foretell a vault's surfaces in the directions of a hole.

    Args:
        vaults: The population.
        seen: (2, N) distances in the frame of the population, mm; what they say of hidden
            directions does not matter.
        hidden: (N,) where the vault is to be foretold.

    Returns:
        The expectation, or None where there is nothing to be foretold or to foretell it from.
    """
    count = len(hidden)
    off = seen - vaults.mean
    usable = plausible(seen) & ~hidden & (np.abs(off) < _ODD_MM).all(0)
    wanted = hidden & np.isfinite(vaults.mean).all(0)
    if not (usable.any() and wanted.any()):
        return None
    known, new = (np.flatnonzero(np.tile(rows, 2)) for rows in (usable, wanted))
    values = off.reshape(-1)[known]
    prior = _Prior.of(vaults)
    among = prior.covariance(known, known)
    among.flat[:: len(known) + 1] += _NOISE_MM**2
    left_out, spread = _foretold_from_the_rest(among, values)
    doubt = np.maximum((np.abs(left_out) / (_DOUBTED * spread)) ** 2 - 1, 0)
    among.flat[:: len(known) + 1] += doubt * spread**2
    factor = cho_factor(among, lower=True, overwrite_a=True)
    deviation = prior.covariance(new, known) @ cho_solve(factor, values)
    radii = np.full(2 * count, np.nan)
    radii[new] = vaults.mean.reshape(-1)[new] + deviation
    return Expectation(radii.reshape(2, count), float(np.median(np.abs(left_out))))


def _foretold_from_the_rest(
    covariance: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find how far each value lies from what all others foretell, and the standard deviation.

    Both follow from the inverse of the covariance (Rasmussen and Williams 2006, equation 5.12), of
    which the diagonal alone is needed: the sums of squares in the columns of the factor's inverse.
    """
    factor = cholesky(covariance, lower=True)
    weights = cho_solve((factor, True), values)
    inverse, _ = dtrtri(factor, lower=1, overwrite_c=1)
    precision = np.einsum("ij,ij->j", inverse, inverse)
    return weights / precision, 1 / np.sqrt(precision)


@dataclass(frozen=True, eq=False)
class _Prior:
    """What is expected of distances before any is seen.

    Attributes:
        heads: (2 * heads, 2 N) deviations of the population from its mean, mm.
        own: (N, N) covariance of further deviations of one surface, mm².
    """

    heads: NDArray[np.float64]
    own: NDArray[np.float64]

    @classmethod
    def of(cls, vaults: Vaults) -> _Prior:
        heads = np.nan_to_num(vaults.both_sides - vaults.mean)
        directions = vault_directions()
        angle = np.arccos(np.clip(directions @ directions.T, -1, 1))
        own = np.zeros_like(angle)
        for size, reach in _OWN:
            own += size**2 * np.exp(-0.5 * (angle / reach) ** 2)
        own += _OTHER_SIDE * own[:, mirror_images()]
        return cls(heads.reshape(len(heads), -1), own)

    def covariance(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Covariance of some distances with others, mm².

        Args:
            rows: (R,) sorted indices among all distances, (2 N,): outer surfaces first.
            columns: (C,) likewise.

        Returns:
            (R, C).
        """
        heads = self.heads
        covariance = (heads[:, rows].T * (_POPULATION / len(heads))) @ heads[:, columns]
        for row, column in product((0, 1), repeat=2):
            (down, first), (across, second) = (
                _of_surface(number, places) for number, places in ((row, rows), (column, columns))
            )
            share = 1.0 if row == column else _OTHER_SURFACE
            covariance[down, across] += share * self.own[np.ix_(first, second)]
        return np.asarray(covariance)


def _of_surface(number: int, places: NDArray[np.int64]) -> tuple[slice, NDArray[np.int64]]:
    """Find the sorted places of the outer (0) or inner (1) surface, and their directions."""
    count = len(vault_directions())
    first, last = np.searchsorted(places, (number * count, (number + 1) * count)).tolist()
    return slice(first, last), places[first:last] - number * count
