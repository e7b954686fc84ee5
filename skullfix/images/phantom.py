"""A synthetic head CT with a craniectomy, whose truth is known; for tests and demonstrations.

The head is a set of solids given by (approximate) signed distances in LPS millimetres, negative
inside, the origin in the middle of the braincase: +x left, +y posterior, +z superior. Distances
are turned into Hounsfield units with a linear partial-volume ramp one voxel wide. Sizes follow
adult skulls: 178 x 138 x 136 mm, a vault 4 to 8 mm thick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skullfix.images.phantom_head import SOFT, draw_anatomy, flap, head, headrest
from skullfix.images.volume import Geometry, Volume

BONE_THRESHOLD_HU = 150.0
"""The true bone is where the noise-free head, without its headrest, reaches this value."""

_FIELD_MM = ((-104.0, 104.0), (-116.0, 118.0), (-92.0, 86.0))  # first and last voxel, x, y, z
_SLAB_MM = 12.0  # slices are computed in slabs, which bounds the memory


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
    anatomy = draw_anatomy(rng)
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
        hu, vault = head(point, anatomy, blur)
        bone[here] = hu >= BONE_THRESHOLD_HU
        if defect:
            cut = flap(point, anatomy) & (vault < 1.5 * blur)
            implant[here] = bone[here] & cut
            hu = np.where(cut & (hu > SOFT), np.float32(SOFT), hu)
        hu = np.maximum(hu, headrest(point, blur))
        hu += rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(8.0)
        ct[here] = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    geometry = Geometry(
        size=(shape[2], shape[1], shape[0]),
        spacing=spacing,
        origin=(_FIELD_MM[0][0], _FIELD_MM[1][0], _FIELD_MM[2][0]),
        direction=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    )
    return Phantom(Volume(ct, geometry), Volume(bone, geometry), Volume(implant, geometry))
