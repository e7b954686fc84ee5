"""How far the heads of a run are taken from those of the population."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variety:
    """Strengths of what is drawn at random for a head; standard deviations unless said otherwise.

    Attributes:
        bends_mm: Largest elastic bend, the same on both sides and not, of heads in a shape of
            their own; mm.
        morphed_bends_mm: The same of morphed heads, which have a person's variety already.
        stretch: Logarithm of the size, of all axes and of each.
        shear: Entries of the shear.
        regrown: Share of the heads whose bone gets thicker or thinner.
        growth: By how many voxels its surfaces then move, all alike.
        uneven: By how many more from place to place.
        sliced: Share of the heads whose scan has thick slices.
        mixed: Weights of a mixture's heads, from place to place.
    """

    bends_mm: tuple[float, float] = (4.0, 1.5)
    morphed_bends_mm: tuple[float, float] = (1.5, 1.0)
    stretch: float = 0.04
    shear: float = 0.03
    regrown: float = 0.7
    growth: float = 0.25
    uneven: float = 0.15
    sliced: float = 0.2
    mixed: float = 0.25


WIDE = Variety()
"""Wider than people are, so that any head is within what was learnt."""

NEAR = Variety(
    bends_mm=(1.0, 0.4),
    morphed_bends_mm=(0.0, 0.0),
    stretch=0.02,
    shear=0.01,
    regrown=0.3,
    growth=0.15,
    uneven=0.07,
    sliced=0.1,
    mixed=0.12,
)
"""Nearer to people: bends that no head has make a network mistrust what the rim tells it."""
