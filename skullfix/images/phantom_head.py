"""The synthetic head: braincase, scalp and brain, a flap to cut out, a headrest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skullfix.images.phantom_face import airways, facial_bone
from skullfix.images.phantom_solids import Field, ellipsoid, paint

AIR, SOFT, _BRAIN, _FLUID, _FAT = -1000.0, 45.0, 35.0, 8.0, -90.0
_CORTICAL, _DIPLOE, _HEADREST, _FOAM = 1250.0, 420.0, 260.0, -900.0


@dataclass(frozen=True)
class Anatomy:
    """What differs between seeds."""

    half: tuple[float, float, float]  # vault half-axes x, y, z (mm)
    table: float  # mean thickness of the vault (mm)
    waves: NDArray[np.float64]  # (4, 5): direction x, y, z, phase, amplitude of thickness (mm)
    flap_normal: NDArray[np.float64]  # unit vector through the flap's centre
    flap_half: tuple[float, float]  # half-axes of the flap along and across the head (mm)
    flap_phase: float


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw a patient."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    width, length, height = np.array([69.0, 89.0, 72.0]) * rng.uniform(0.97, 1.03, 3)
    waves = np.column_stack(
        [rng.normal(0.0, 0.04, (4, 3)), rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.25, 0.5, 4)]
    )
    normal = np.array([side * 0.78, rng.uniform(-0.1, 0.35), rng.uniform(0.5, 0.7)])
    return Anatomy(
        half=(float(width), float(length), float(height)),
        table=float(rng.uniform(5.6, 6.4)),
        waves=waves,
        flap_normal=normal / np.linalg.norm(normal),
        flap_half=(float(rng.uniform(38, 42)), float(rng.uniform(28, 32))),
        flap_phase=float(rng.uniform(0, 2 * np.pi)),
    )


def head(point: tuple[Field, Field, Field], anatomy: Anatomy, blur: float) -> tuple[Field, Field]:
    """Noise-free Hounsfield units of the intact head, and the distance to the vault's bone."""
    x, y, z = point
    outer = _egg(point, anatomy.half)
    thickness = _thickness(point, anatomy)
    floor = _skull_base(x, y) - z  # positive below the floor of the braincase
    cavity = np.maximum(outer + thickness, floor)
    vault = np.maximum(np.maximum(outer, -cavity), floor - np.float32(3.5))
    side = np.abs(x)
    hu = np.full(outer.shape, AIR, np.float32)
    skin = np.maximum(outer - np.float32(6.5), -55.0 - z - 0.5 * y)  # scalp, open to the neck
    tissue = skin
    shell = vault
    depth = np.minimum(-outer, outer + thickness)  # below the nearer table of the vault
    air = None
    if float(z.min()) < -8.0:
        mirrored = (side, y, z)
        neck = np.hypot(x / 1.0, y - 22.0) - np.float32(56.0)
        tissue = np.minimum(tissue, np.maximum(neck, z + 40.0))
        tissue = np.minimum(tissue, ellipsoid(mirrored, (0, -38, -66), (64, 58, 66)))
        tissue = np.minimum(tissue, ellipsoid(mirrored, (0, -92, -66), (13, 14, 20)))  # nose
        shell = np.minimum(vault, facial_bone(mirrored))
        eye = ellipsoid(mirrored, (32, -62, -45), (17, 26, 16))
        foramen = np.maximum(np.hypot(x / 0.85, y - 27.0) - 17.0, np.abs(z + 66.0) - 14.0)
        shell = np.maximum(np.maximum(shell, -eye), -foramen.astype(np.float32))
        air = airways(mirrored)
        shell = np.maximum(shell, -air)
    paint(hu, tissue, SOFT, blur)
    paint(hu, np.abs(skin + np.float32(3.5)) - np.float32(1.2), _FAT, blur)
    paint(hu, cavity, _FLUID, blur)
    paint(hu, cavity + np.float32(3.0), _BRAIN, blur)
    ventricle = ellipsoid((side, y, z), (13, 5, 12), (6, 32, 9))
    paint(hu, ventricle, _FLUID, blur)
    if air is not None:
        paint(hu, np.maximum(air, tissue), AIR, blur)
    marrow = np.clip((depth - np.float32(1.5)) / np.float32(1.0), 0, 1)
    marrow *= np.clip(-floor / np.float32(6.0), 0, 1)
    paint(hu, shell, _CORTICAL + (_DIPLOE - _CORTICAL) * marrow, blur)
    return hu, vault


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


def _thickness(point: tuple[Field, Field, Field], anatomy: Anatomy) -> Field:
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


def flap(point: tuple[Field, Field, Field], anatomy: Anatomy) -> NDArray[np.bool_]:
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


def headrest(point: tuple[Field, Field, Field], blur: float) -> Field:
    """Hounsfield units of a bowl of plastic around foam behind the head, air elsewhere."""
    x, y, z = point
    radius = np.hypot(x, y + 4.0) - np.float32(108.0)
    bowl = np.maximum(np.maximum(np.abs(radius) - 1.5, 20.0 - y), z - 45.0)
    foam = np.maximum(np.maximum(np.abs(radius + 4.5) - 3.0, 20.0 - y), z - 45.0)
    hu = np.full(bowl.shape, AIR, np.float32)
    paint(hu, foam.astype(np.float32), _FOAM, blur)
    paint(hu, bowl.astype(np.float32), _HEADREST, blur)
    return hu
