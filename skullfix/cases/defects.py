"""Random defects: shapes that take bone away from a skull, drawn anew for every step.

The shapes are analytic signed distances in world millimetres, so the same defect can be cut into
a 1.8 mm training grid or into a scan at full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]

FAMILIES = (
    "parietotemporal",
    "fronto-orbital",
    "bilateral",
    "occipital",
    "irregular",
    "two-holes",
    "ragged",
    "base",
    "deep",
)
_SHARES = (0.12, 0.11, 0.08, 0.08, 0.22, 0.09, 0.07, 0.08, 0.15)  # of FAMILIES, if none is given
VOLUME_RANGE_ML = (8.0, 150.0)
HEAD_RADIUS_MM = 75.0  # from the vault's top down to the centre that directions are taken from
_TRIES = 12
_WAVES = 6


@dataclass(frozen=True, eq=False)
class Piece:
    """A superellipsoid with a wavy surface, optionally tapering towards the head's centre.

    Attributes:
        centre: (3,) world position, LPS mm.
        axes: (3, 3) rows are the local axes; the last one points outwards from the head.
        radii: (3,) half lengths in mm along the axes.
        exponent: 2 is an ellipsoid, larger ones approach a box with rounded edges.
        taper_mm: Distance from ``centre`` to the head's centre for cuts that narrow inwards, as
            a surgeon's saw makes them; 0 for none.
        wave_vectors: (W, 3) per mm, wave_phases (W,), amplitude in mm: the rim's irregularity.
    """

    centre: Points
    axes: Points
    radii: Points
    exponent: float
    taper_mm: float
    wave_vectors: Points
    wave_phases: Points
    amplitude: float

    def signed_distance(self, points: Points) -> Points:
        """Approximate distance in mm, negative inside; (N, 3) LPS mm to (N,).

        Far away it is only a positive bound.
        """
        offset = points - self.centre
        reach = 2 * float(self.radii.max()) + 2 * self.amplitude
        out = np.full(len(points), reach, np.float32)
        near = np.flatnonzero((offset * offset).sum(1) < reach * reach)
        points, local = points[near], offset[near] @ self.axes.T
        if self.taper_mm:
            local[:, :2] /= np.clip(1 + local[:, 2:] / self.taper_mm, 0.4, 1.6)
        scaled = np.abs(local / self.radii)
        radius = np.power(np.power(scaled, self.exponent).sum(1), 1 / self.exponent)
        waves = np.sin(points @ self.wave_vectors.T + self.wave_phases).sum(1)
        bumps = waves * np.float32(self.amplitude / np.sqrt(max(1, len(self.wave_phases))))
        out[near] = (radius - 1) * np.float32(self.radii.min()) + bumps
        return out


@dataclass(frozen=True, eq=False)
class Defect:
    """One or more pieces taken away together.

    Attributes:
        family: One of FAMILIES.
        pieces: The shapes; a point inside any of them is taken away.
    """

    family: str
    pieces: tuple[Piece, ...]

    def signed_distance(self, points: Points) -> Points:
        """Approximate distance in mm, negative inside; (N, 3) LPS mm to (N,)."""
        distances = [piece.signed_distance(points) for piece in self.pieces]
        return np.asarray(np.min(distances, 0), np.float32)

    def removed(self, points: Points, spacing: float) -> Points:
        """Fraction of a voxel of that spacing (mm) around each point that is taken, 0 to 1."""
        return np.clip(0.5 - self.signed_distance(points) / np.float32(spacing), 0, 1)


def random_defect(
    points: Points,
    fractions: NDArray[np.float32],
    spacing: float,
    rng: np.random.Generator,
    family: str | None = None,
    volume_range_ml: tuple[float, float] = VOLUME_RANGE_ML,
) -> Defect | None:
    """Draw a defect that removes a plausible volume from a skull.

    Args:
        points: (N, 3) float32 centres of the skull's voxels, LPS mm.
        fractions: (N,) occupancy of each, 0 to 1.
        spacing: Voxel spacing in mm.
        rng: Source of randomness; the same state gives the same defect.
        family: One of FAMILIES, or None for a random one.
        volume_range_ml: Accepted volume of the removed bone.

    Returns:
        The defect, or None when no draw met the range.
    """
    if not len(points):
        return None
    top = float(np.quantile(points[:, 2], 0.999))
    vault = points[points[:, 2] > top - 2 * HEAD_RADIUS_MM]
    middle = (vault.min(0) + vault.max(0)) / 2
    head = np.asarray([middle[0], middle[1], top - HEAD_RADIUS_MM], np.float32)
    voxel_ml = spacing**3 / 1000
    for _ in range(_TRIES):
        kind = family or str(rng.choice(FAMILIES, p=_SHARES))
        defect = Defect(kind, tuple(_pieces(kind, vault, head, rng)))
        volume = float(defect.removed(points, spacing) @ fractions) * voxel_ml
        if volume_range_ml[0] <= volume <= volume_range_ml[1]:
            return defect
    return None


def _pieces(kind: str, points: Points, head: Points, rng: np.random.Generator) -> list[Piece]:
    """Draw the shapes of one family. Azimuth 0 is anterior (-y), 90 the patient's left (+x)."""
    side = float(rng.choice((-1.0, 1.0)))
    if kind == "parietotemporal":
        place = (side * rng.uniform(55, 130), rng.uniform(0, 55))
        return [_flap(place, (rng.uniform(28, 62), rng.uniform(24, 52)), points, head, rng)]
    if kind == "fronto-orbital":
        place = (side * rng.uniform(5, 55), rng.uniform(-8, 35))
        return [_flap(place, (rng.uniform(20, 48), rng.uniform(18, 40)), points, head, rng)]
    if kind == "occipital":
        place = (180 + rng.uniform(-45, 45), rng.uniform(-20, 35))
        return [_flap(place, (rng.uniform(22, 55), rng.uniform(20, 50)), points, head, rng)]
    if kind == "bilateral":
        place = (rng.uniform(-15, 15) + 180 * (rng.random() < 0.25), rng.uniform(25, 85))
        return [_flap(place, (rng.uniform(45, 75), rng.uniform(22, 45)), points, head, rng)]
    if kind == "two-holes":
        return [_anywhere(points, head, rng, (10, 32)) for _ in range(2 + (rng.random() < 0.2))]
    if kind == "ragged":
        return [_ragged(_anywhere(points, head, rng, (16, 48)), rng)]
    if kind == "base":  # of the skull, with orbits and upper face; at times beside another hole
        low = _towards(rng.uniform(-0.8, -0.15), points, head, rng, (14, 40))
        return [low] if rng.random() < 0.7 else [low, _anywhere(points, head, rng, (10, 32))]
    if kind == "deep":  # about any bone: clivus, petrous bone and sphenoid, where no ray ends
        return [_about(points, head, rng) for _ in range(1 + (rng.random() < 0.25))]
    pieces = [_anywhere(points, head, rng, (14, 52))]
    while rng.random() < 0.3 and len(pieces) < 3:  # overlapping lobes
        shift = rng.normal(0, 0.8, 3).astype(np.float32) * pieces[0].radii
        lobe = _anywhere(points, head, rng, (12, 36))
        pieces.append(_moved(lobe, pieces[0].centre + shift))
    return pieces


def _moved(piece: Piece, centre: Points) -> Piece:
    """Put the same piece at another place."""
    fields = {**vars(piece), "centre": centre.astype(np.float32)}
    return Piece(**fields)


def _ragged(piece: Piece, rng: np.random.Generator) -> Piece:
    """Make the surface much rougher: deep bays, tongues, islands of bone left behind."""
    fields = {
        **vars(piece),
        "wave_vectors": (piece.wave_vectors * rng.uniform(1.0, 2.5)).astype(np.float32),
        "amplitude": float(rng.uniform(0.16, 0.4) * piece.radii.min()),
    }
    return Piece(**fields)


def _flap(
    place: tuple[float, float],
    sides: tuple[float, float],
    points: Points,
    head: Points,
    rng: np.random.Generator,
) -> Piece:
    """Draw a cut through the vault's whole thickness about a direction (azimuth, elevation)."""
    azimuth, elevation = np.radians(place)
    outward = np.asarray(
        [
            np.sin(azimuth) * np.cos(elevation),
            -np.cos(azimuth) * np.cos(elevation),
            np.sin(elevation),
        ],
        np.float32,
    )
    centre = _surface(points, head, outward)
    depth = rng.uniform(18, 35)
    spin = rng.uniform(-0.5, 0.5)
    return _piece(centre, outward, (*sides, depth), spin, rng, head, rng.random() < 0.6)


def _anywhere(
    points: Points, head: Points, rng: np.random.Generator, size: tuple[float, float]
) -> Piece:
    """Draw a lump at a random place of the vault, the base's rim and the upper face."""
    lowest = -0.35 if rng.random() < 0.85 else -0.7
    return _towards(rng.uniform(lowest, 1), points, head, rng, size)


def _towards(
    height: float,
    points: Points,
    head: Points,
    rng: np.random.Generator,
    size: tuple[float, float],
) -> Piece:
    """Draw a lump at a random azimuth; `height` is the sine of the elevation."""
    azimuth = rng.uniform(0, 2 * np.pi)
    flat = np.sqrt(max(0.0, 1 - height**2))
    outward = np.asarray([flat * np.sin(azimuth), flat * np.cos(azimuth), height], np.float32)
    centre = _surface(points, head, outward)
    radius = rng.uniform(*size)
    radii = (radius, radius * rng.uniform(0.6, 1.2), max(14.0, radius * rng.uniform(0.5, 1.1)))
    return _piece(centre, outward, radii, rng.uniform(0, np.pi), rng, head, rng.random() < 0.3)


def _about(points: Points, head: Points, rng: np.random.Generator) -> Piece:
    """Draw a lump about a random voxel of bone, at any depth, turned at random."""
    centre = points[rng.integers(len(points))]
    outward = rng.normal(size=3).astype(np.float32)
    outward /= np.linalg.norm(outward)
    radius = rng.uniform(14, 42)
    radii = (radius, radius * rng.uniform(0.6, 1.2), radius * rng.uniform(0.5, 1.1))
    return _piece(centre, outward, radii, rng.uniform(0, np.pi), rng, head, False)


def _surface(points: Points, head: Points, outward: Points) -> Points:
    """Find the outermost bone along a direction from the head's centre, (3,) mm."""
    rays = points - head
    length = np.linalg.norm(rays, axis=1) + 1e-3
    aligned = (rays @ outward) / length
    near = aligned > min(0.985, float(aligned.max()) - 1e-3)
    return points[near][np.argmax(length[near])]


def _piece(
    centre: Points,
    outward: Points,
    radii: tuple[float, float, float],
    spin: float,
    rng: np.random.Generator,
    head: Points,
    tapered: bool,
) -> Piece:
    """Assemble a piece with a random profile and rim."""
    helper = np.asarray([0, 0, 1] if abs(outward[2]) < 0.9 else [0, 1, 0], np.float32)
    first = np.cross(helper, outward)
    first /= np.linalg.norm(first)
    second = np.cross(outward, first)
    turned = np.cos(spin) * first + np.sin(spin) * second
    axes = np.stack([turned, np.cross(outward, turned), outward]).astype(np.float32)
    lengths = rng.uniform(14, 70, _WAVES)
    directions = rng.normal(size=(_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ragged = rng.uniform(0, 0.16) if rng.random() < 0.75 else 0.0
    return Piece(
        centre.astype(np.float32),
        axes,
        np.asarray(radii, np.float32),
        float(rng.choice((2.0, 2.0, 2.5, 3.0, 4.0, 8.0))),
        float(np.linalg.norm(centre - head)) if tapered else 0.0,
        (directions * (2 * np.pi / lengths)[:, None]).astype(np.float32),
        rng.uniform(0, 2 * np.pi, _WAVES).astype(np.float32),
        float(ragged * min(radii)),
    )
