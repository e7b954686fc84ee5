"""A synthetic head CT with a craniectomy, whose truth is known; for tests and demonstrations.

The head is a set of solids given by (approximate) signed distances in LPS millimetres, negative
inside, the origin in the middle of the braincase: +x left, +y posterior, +z superior. Distances
are turned into Hounsfield units with a linear partial-volume ramp one voxel wide. Sizes follow
adult skulls: 178 x 138 x 136 mm, a vault 4 to 8 mm thick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skullfix.images.volume import Geometry, Volume

BONE_THRESHOLD_HU = 150.0
"""The true bone is where the noise-free head, without its headrest, reaches this value."""

_FIELD_MM = ((-104.0, 104.0), (-116.0, 118.0), (-92.0, 86.0))  # first and last voxel, x, y, z
_SLAB_MM = 12.0  # slices are computed in slabs, which bounds the memory
_AIR, _SOFT, _BRAIN, _FLUID, _FAT = -1000.0, 45.0, 35.0, 8.0, -90.0
_CORTICAL, _DIPLOE, _HEADREST, _FOAM = 1250.0, 420.0, 260.0, -900.0

Field = NDArray[np.float32]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Phantom:
    """A synthetic patient; all three volumes lie on one grid.

    Attributes:
        ct: int16 Hounsfield units, (z, y, x), with the defect, scalp, brain and a headrest.
        bone: bool (z, y, x), the intact skull.
        implant: bool (z, y, x), the piece that was removed; a subset of ``bone``.
    """

    ct: Volume
    bone: Volume
    implant: Volume


@dataclass(frozen=True)
class _Anatomy:
    """What differs between seeds."""

    half: tuple[float, float, float]  # vault half-axes x, y, z (mm)
    table: float  # mean thickness of the vault (mm)
    waves: NDArray[np.float64]  # (4, 5): direction x, y, z, phase, amplitude of thickness (mm)
    flap_normal: NDArray[np.float64]  # unit vector through the flap's centre
    flap_half: tuple[float, float]  # half-axes of the flap along and across the head (mm)
    flap_phase: float


def head_phantom(
    *, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), seed: int = 0, defect: bool = True
) -> Phantom:
    """Make a head CT with a parietal craniectomy of about 80 x 60 mm.

    Args:
        spacing: Millimetres between voxels along (x, y, z).
        seed: Chooses size, thickness, side and outline of the flap, and the noise.
        defect: Whether the flap is removed; without it ``implant`` is empty.

    Returns:
        The head, the same bytes for the same arguments.
    """
    rng = np.random.default_rng(seed)
    anatomy = _draw(rng)
    axes = [
        np.arange(low, high + 1e-6, step, dtype=np.float64)
        for (low, high), step in zip(_FIELD_MM, spacing, strict=True)
    ]
    x, y = (axis.astype(np.float32) for axis in axes[:2])
    shape = (len(axes[2]), len(y), len(x))
    ct = np.empty(shape, np.int16)
    bone = np.empty(shape, bool)
    implant = np.zeros(shape, bool)
    blur = float(np.mean(spacing))
    slab = max(1, int(_SLAB_MM / spacing[2]))
    for first in range(0, shape[0], slab):
        here = slice(first, first + slab)
        z = axes[2][here].astype(np.float32)
        point = (x[None, None, :], y[None, :, None], z[:, None, None])
        hu, vault = _head(point, anatomy, blur)
        bone[here] = hu >= BONE_THRESHOLD_HU
        if defect:
            flap = _flap(point, anatomy) & (vault < 1.5 * blur)
            implant[here] = bone[here] & flap
            hu = np.where(flap & (hu > _SOFT), np.float32(_SOFT), hu)
        hu = np.maximum(hu, _headrest(point, blur))
        hu += rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(8.0)
        ct[here] = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    geometry = Geometry(
        size=(shape[2], shape[1], shape[0]),
        spacing=spacing,
        origin=(_FIELD_MM[0][0], _FIELD_MM[1][0], _FIELD_MM[2][0]),
        direction=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    )
    return Phantom(Volume(ct, geometry), Volume(bone, geometry), Volume(implant, geometry))


def _draw(rng: np.random.Generator) -> _Anatomy:
    side = 1.0 if rng.random() < 0.5 else -1.0
    width, length, height = np.array([69.0, 89.0, 72.0]) * rng.uniform(0.97, 1.03, 3)
    waves = np.column_stack(
        [rng.normal(0.0, 0.04, (4, 3)), rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.25, 0.5, 4)]
    )
    normal = np.array([side * 0.78, rng.uniform(-0.1, 0.35), rng.uniform(0.5, 0.7)])
    return _Anatomy(
        half=(float(width), float(length), float(height)),
        table=float(rng.uniform(5.6, 6.4)),
        waves=waves,
        flap_normal=normal / np.linalg.norm(normal),
        flap_half=(float(rng.uniform(38, 42)), float(rng.uniform(28, 32))),
        flap_phase=float(rng.uniform(0, 2 * np.pi)),
    )


def _head(point: tuple[Field, Field, Field], anatomy: _Anatomy, blur: float) -> tuple[Field, Field]:
    """Noise-free Hounsfield units of the intact head, and the distance to the vault's bone."""
    x, y, z = point
    outer = _egg(point, anatomy.half)
    thickness = _thickness(point, anatomy)
    floor = _skull_base(x, y) - z  # positive below the floor of the braincase
    cavity = np.maximum(outer + thickness, floor)
    vault = np.maximum(np.maximum(outer, -cavity), floor - np.float32(3.5))
    side = np.abs(x)
    hu = np.full(outer.shape, _AIR, np.float32)
    skin = np.maximum(outer - np.float32(6.5), -55.0 - z - 0.5 * y)  # scalp, open to the neck
    tissue = skin
    shell = vault
    depth = np.minimum(-outer, outer + thickness)  # below the nearer table of the vault
    air = None
    if float(z.min()) < -8.0:
        mirrored = (side, y, z)
        neck = np.hypot(x / 1.0, y - 22.0) - np.float32(56.0)
        tissue = np.minimum(tissue, np.maximum(neck, z + 40.0))
        tissue = np.minimum(tissue, _ellipsoid(mirrored, (0, -38, -66), (64, 58, 66)))
        tissue = np.minimum(tissue, _ellipsoid(mirrored, (0, -92, -66), (13, 14, 20)))  # nose
        shell = np.minimum(vault, _face(mirrored))
        eye = _ellipsoid(mirrored, (32, -62, -45), (17, 26, 16))
        foramen = np.maximum(np.hypot(x / 0.85, y - 27.0) - 17.0, np.abs(z + 66.0) - 14.0)
        shell = np.maximum(np.maximum(shell, -eye), -foramen.astype(np.float32))
        air = _airways(mirrored)
        shell = np.maximum(shell, -air)
    _paint(hu, tissue, _SOFT, blur)
    _paint(hu, np.abs(skin + np.float32(3.5)) - np.float32(1.2), _FAT, blur)
    _paint(hu, cavity, _FLUID, blur)
    _paint(hu, cavity + np.float32(3.0), _BRAIN, blur)
    ventricle = _ellipsoid((side, y, z), (13, 5, 12), (6, 32, 9))
    _paint(hu, ventricle, _FLUID, blur)
    if air is not None:
        _paint(hu, np.maximum(air, tissue), _AIR, blur)
    marrow = np.clip((depth - np.float32(1.5)) / np.float32(1.0), 0, 1)
    marrow *= np.clip(-floor / np.float32(6.0), 0, 1)
    _paint(hu, shell, _CORTICAL + (_DIPLOE - _CORTICAL) * marrow, blur)
    return hu, vault


def _face(mirrored: tuple[Field, Field, Field]) -> Field:
    """Bone below the braincase: base, orbits, cheek, jaws, mastoid, first vertebra."""
    parts = [
        _tube(mirrored, (18, -6, -46), (58, 16, -44), 8.5),  # petrous ridge
        _ellipsoid(mirrored, (52, 24, -60), (10, 13, 20)),  # mastoid process
        _tube(mirrored, (0, -22, -46), (0, 10, -60), 9.0),  # sphenoid body and clivus
        _tube(mirrored, (15, 16, -64), (16, 36, -64), 7.0),  # occipital condyle
        _tube(mirrored, (22, -28, -50), (20, -32, -80), 3.5),  # pterygoid plate
        np.abs(_ellipsoid(mirrored, (32, -60, -45), (19, 28, 18))) - np.float32(1.4),  # orbit
        _tube(mirrored, (49, -66, -32), (51, -60, -56), 4.2),  # lateral rim of the orbit
        _tube(mirrored, (51, -60, -58), (24, -76, -62), 4.8),  # lower rim and cheek
        _tube(mirrored, (52, -58, -60), (66, -30, -60), 3.6),  # zygomatic arch
        _tube(mirrored, (66, -30, -60), (62, 2, -56), 3.2),
        np.abs(_ellipsoid(mirrored, (26, -56, -74), (17, 24, 20))) - np.float32(1.2),  # maxilla
        _tube(mirrored, (6, -86, -30), (13, -82, -66), 3.0),  # nasal bone
        _tube(mirrored, (0, -74, -34), (0, -50, -76), 1.6),  # septum
        _tube(mirrored, (0, -80, -86), (24, -64, -86), 6.0),  # upper jaw
        _tube(mirrored, (24, -64, -86), (28, -40, -86), 5.5),
        _tube(mirrored, (53, -4, -62), (48, -16, -96), 5.0),  # ramus of the mandible
        _tube(mirrored, (16, 12, -82), (34, 24, -82), 6.0),  # atlas
        _tube(mirrored, (34, 24, -82), (0, 48, -82), 5.0),
        _tube(mirrored, (0, 12, -74), (0, 12, -96), 5.5),  # dens
    ]
    face = parts[0]
    for part in parts[1:]:
        face = np.minimum(face, part)
    # nothing of the face stands in the orbit's opening
    opening = _tube(mirrored, (33, -64, -45), (37, -104, -46), 15.5)
    return np.maximum(face, -opening)


def _airways(mirrored: tuple[Field, Field, Field]) -> Field:
    """Sinuses, nose, throat, mastoid cells and ear canal."""
    parts = [
        _ellipsoid(mirrored, (8, -80, -27), (7, 4, 7)),  # frontal sinus
        _ellipsoid(mirrored, (7, -24, -47), (6, 8, 7)),  # sphenoid sinus
        _ellipsoid(mirrored, (26, -56, -74), (14, 21, 17)),  # maxillary sinus
        _ellipsoid(mirrored, (7, -58, -52), (4, 22, 12)),  # ethmoid cells
        _ellipsoid(mirrored, (7, -62, -74), (5, 32, 9)),  # nose
        _tube(mirrored, (0, -16, -74), (0, -8, -100), 8.0),  # throat
        _tube(mirrored, (44, 6, -50), (80, 8, -52), 3.2),  # ear canal
        _ellipsoid(mirrored, (54, 24, -52), (4, 7, 8)),  # mastoid cells
    ]
    air = parts[0]
    for part in parts[1:]:
        air = np.minimum(air, part)
    return air


def _egg(point: tuple[Field, Field, Field], half: tuple[float, float, float]) -> Field:
    """Outside of the braincase: wide behind, narrow and steep in front, flat below."""
    x, y, z = point
    width, length, height = half
    back = y / np.float32(length)
    wide = np.float32(width) * (1.0 + 0.11 * back - 0.05 * np.square(back))
    lower = np.where(z < 0, np.float32(66.0), np.float32(height))
    q = (np.abs(x) / wide, np.abs(y - 0.06 * np.minimum(z, 0)) / np.float32(length), abs(z) / lower)
    power = np.float32(1.18)
    squares = [np.square(part) for part in q]
    radius = sum(part**power for part in squares)
    norm = np.maximum(radius, np.float32(1e-3)) ** np.float32(1 / 2.36)
    slope = sum(
        (part ** np.float32(1.36) / scale**2)
        for part, scale in zip(squares, (wide, np.float32(length), lower), strict=True)
    )
    gradient = np.sqrt(np.maximum(slope, np.float32(1e-8))) * norm ** np.float32(-1.36)
    distance: Field = ((norm - 1.0) / np.maximum(gradient, np.float32(1 / 90.0))).astype(np.float32)
    return distance


def _thickness(point: tuple[Field, Field, Field], anatomy: _Anatomy) -> Field:
    x, y, z = point
    # thin at the temples, thick at the back and low in front
    value = np.full(np.broadcast_shapes(x.shape, y.shape, z.shape), anatomy.table, np.float32)
    value -= (
        2.0 * np.exp(-(((y + 35.0) / 30.0) ** 2) - ((z + 12.0) / 30.0) ** 2) * (np.abs(x) / 60.0)
    )
    value += 1.6 * np.exp(-(((y - 85.0) / 25.0) ** 2) - ((z + 15.0) / 25.0) ** 2)
    value += 1.2 * np.exp(-(((y + 85.0) / 22.0) ** 2) - ((z + 25.0) / 18.0) ** 2)
    for dx, dy, dz, phase, amplitude in anatomy.waves.astype(np.float32):
        value += amplitude * np.sin(dx * x + dy * y + dz * z + phase)
    limited: Field = np.clip(value, 3.6, 8.4)
    return limited


def _skull_base(x: Field, y: Field) -> Field:
    """Height (mm) of the floor of the three fossae over each (x, y), (1, ny, nx)."""
    lateral = 1.0 / (1.0 + np.exp(-(np.abs(x) - 14.0) / 3.0))
    middle = 1.0 / (1.0 + np.exp(-(y + 40.0) / 4.0))
    posterior = 1.0 / (1.0 + np.exp(-(y - 12.0) / 5.0))
    front = -27.0 + 2.5 * np.cos((np.abs(x) - 32.0) / 12.0)
    height = front + middle * (-46.0 - front) * lateral + middle * (1 - lateral) * (-40.0 - front)
    base: Field = (height + posterior * (-72.0 - height)).astype(np.float32)
    return base


def _flap(point: tuple[Field, Field, Field], anatomy: _Anatomy) -> NDArray[np.bool_]:
    """Whether a point lies in the cut-out: a wavy rounded rectangle, cut along its normal."""
    normal = anatomy.flap_normal
    along = np.array([0.0, 1.0, 0.0]) - normal[1] * normal
    along /= np.linalg.norm(along)
    across = np.cross(normal, along)
    height, u, v = (
        sum(np.float32(c) * p for c, p in zip(axis, point, strict=True))
        for axis in (normal, along, across)
    )
    radius = (np.abs(u / anatomy.flap_half[0]) ** 3 + np.abs(v / anatomy.flap_half[1]) ** 3) ** (
        1 / 3
    )
    wave = 1.0 + 0.04 * np.sin(3 * np.arctan2(v, u) + anatomy.flap_phase)
    inside: NDArray[np.bool_] = (radius < wave) & (height > 20.0)
    return inside


def _headrest(point: tuple[Field, Field, Field], blur: float) -> Field:
    """Hounsfield units of a bowl of plastic around foam behind the head, air elsewhere."""
    x, y, z = point
    radius = np.hypot(x, y + 4.0) - np.float32(108.0)
    bowl = np.maximum(np.maximum(np.abs(radius) - 1.5, 20.0 - y), z - 45.0)
    foam = np.maximum(np.maximum(np.abs(radius + 4.5) - 3.0, 20.0 - y), z - 45.0)
    hu = np.full(bowl.shape, _AIR, np.float32)
    _paint(hu, foam.astype(np.float32), _FOAM, blur)
    _paint(hu, bowl.astype(np.float32), _HEADREST, blur)
    return hu


def _ellipsoid(point: tuple[Field, Field, Field], centre: Point, half: Point) -> Field:
    offset = [p - np.float32(c) for p, c in zip(point, centre, strict=True)]
    near = sum((o / np.float32(h)) ** 2 for o, h in zip(offset, half, strict=True))
    slope = sum((o / np.float32(h * h)) ** 2 for o, h in zip(offset, half, strict=True))
    norm = np.sqrt(near)
    distance = norm * (norm - 1.0) / np.sqrt(np.maximum(slope, np.float32(1e-8)))
    filled: Field = np.where(norm < 1e-3, -min(half), distance).astype(np.float32)
    return filled


def _tube(point: tuple[Field, Field, Field], start: Point, end: Point, radius: float) -> Field:
    axis = np.subtract(end, start)
    offset = [p - np.float32(c) for p, c in zip(point, start, strict=True)]
    projected = sum(o * np.float32(a) for o, a in zip(offset, axis, strict=True))
    along = np.clip(projected / np.float32(axis @ axis), 0, 1)
    square = sum((o - along * np.float32(a)) ** 2 for o, a in zip(offset, axis, strict=True))
    distance: Field = np.sqrt(square) - np.float32(radius)
    return distance


def _paint(hu: Field, distance: Field, value: float | Field, blur: float) -> None:
    """Lay a material over ``hu``, its edge one voxel wide."""
    weight = np.clip(np.float32(0.5) - distance / np.float32(blur), 0, 1)
    hu += weight * (value - hu)
