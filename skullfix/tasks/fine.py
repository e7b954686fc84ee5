"""From a coarse mask to a fine one: what `upscale` and `refine` share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skullfix.errors import InputError, MemoryLimitError, UsageError
from skullfix.images.box import bounding_box, crop, part_of, slices
from skullfix.images.finer import fine_features
from skullfix.images.regrid import index_box, nearest_lps, regrid
from skullfix.images.resample import sample_onto, world_bounds
from skullfix.images.room import require_bytes
from skullfix.images.volume import Geometry, Volume
from skullfix.networks.fine_features import fine_tensor
from skullfix.sparse.heap import MOST_KEPT_BYTES, keep_nothing
from skullfix.tasks.model import Model

CUT = 0.4  # mean probability from which a voxel belongs to the shape, where a card names none
VIEWS: tuple[tuple[int, ...], ...] = ((), (1, 2), (0, 2), (0, 1))
"""Axes (z, y, x) that are turned round; the mean of the answers counts."""
VIEWED = ((5_000_000, 4), (16_000_000, 2))  # voxels of a grid at most, and how many VIEWS it gets
LARGEST_FIELD = 600_000_000  # voxels of the network's grid around the shape
_BYTES_A_FEATURE = 20  # of the finest level's input: five layers' worth of float32 at the worst
_MARGIN = 2  # coarse voxels around the shape
_INSIDE = 0.98  # of the shape that must lie in a grid given by --like, to go unremarked


@dataclass(frozen=True)
class Target:
    """The grid wanted: one of three, or twice as fine by default.

    Attributes:
        factor: Fine voxels a coarse one.
        spacing: Millimetres.
        like: The very grid.
    """

    factor: float | None = None
    spacing: float | None = None
    like: Geometry | None = None

    def check(self) -> None:
        """Refuse what makes no sense before anything is read.

        Raises:
            UsageError: Several are given, or a number is out of range.
        """
        given = [n for n in ("factor", "spacing", "like") if getattr(self, n) is not None]
        if len(given) > 1:
            raise UsageError(f"--{' and --'.join(given)} are given", hint="choose one of them")
        if self.factor is not None and not 1 < self.factor <= 16:
            raise UsageError(f"--factor {self.factor:g}", hint="give a number above 1, at most 16")
        if self.spacing is not None and not 0.1 <= self.spacing <= 10:
            raise UsageError(f"--spacing {self.spacing:g}", hint="give 0.1 to 10 mm")

    def grid(self, mask: Volume) -> tuple[Geometry, tuple[str, ...]]:
        """Give the grid for a mask, and warnings.

        Raises:
            InputError: The mask is as fine already, or lies elsewhere.
        """
        own = mask.geometry
        if self.like is not None:
            return self.like, _covered(mask, self.like)
        if self.spacing is not None:
            s = self.spacing
            if s > 0.95 * max(own.spacing):
                raise InputError(
                    f"The mask's voxels are {_text(own.spacing)} mm, as fine as the {s:g} mm "
                    "asked for, or finer.",
                    hint="Choose a smaller --spacing; if the mask was only stored on a fine grid, "
                    "say how coarse it truly is with --coarse.",
                )
            return regrid(own, (s, s, s)), ()
        factor = self.factor or 2.0
        x, y, z = (s / factor for s in own.spacing)
        return regrid(own, (x, y, z)), ()


TWICE = Target()


def _covered(mask: Volume, like: Geometry) -> tuple[str, ...]:
    """Check that a mask lies in a grid; warn where a part of it does not."""
    places = np.argwhere(mask.array)[:, ::-1]
    step = np.linalg.inv(like.affine()) @ mask.geometry.affine()
    index = places @ step[:3, :3].T + step[:3, 3]
    inside = ((index >= -0.5) & (index <= np.asarray(like.size) - 0.5)).all(1)
    share = float(inside.mean())
    if not share:
        box = bounding_box(mask.array)
        assert box is not None  # masks are not empty
        low, high = world_bounds(part_of(mask.geometry, *box))
        first, last = world_bounds(like)
        raise InputError(
            f"The mask lies elsewhere than the image: it reaches from {_text(low)} to "
            f"{_text(high)} mm (LPS), the image from {_text(first)} to {_text(last)} mm.",
            hint="Is --like of the same patient and the same scan?",
        )
    if share < _INSIDE:
        return (f"Only {share:.0%} of the mask lies in the image given by --like.",)
    return ()


def fine_field(mask: Volume, model: Model, factor: int) -> Volume:
    """Let the network make a mask finer: the mean of its answers to `views_of`.

    Args:
        mask: bool, (z, y, x), not empty.
        model: Trained on that factor.
        factor: Fine voxels a coarse one, along the axis of the smallest spacing.

    Returns:
        float32 probability, 0 to 1, on a grid around the shape whose axes are the mask's own in
        the order and direction nearest to LPS, its spacing the smallest one through `factor`.

    Raises:
        MemoryLimitError: The field, or what the decoder would make, is too large.
    """
    box = bounding_box(mask.array, _MARGIN)
    assert box is not None
    coarse = nearest_lps(crop(mask, *box))
    spacing = min(coarse.geometry.spacing) / factor
    grid = regrid(coarse.geometry, (spacing, spacing, spacing))
    if math.prod(grid.size) > LARGEST_FIELD:
        raise MemoryLimitError(
            f"The finer grid around the shape has {math.prod(grid.size):,} voxels; at most "
            f"{LARGEST_FIELD:,} can be worked on.",
            hint="Choose a smaller --factor or a larger --spacing.",
        )
    z, y, x = (s / spacing for s in coarse.geometry.spacing[::-1])
    values = torch.from_numpy(np.ascontiguousarray(coarse.array, dtype=np.float32))
    features = fine_features(values, (z, y, x), grid.shape)
    _make_room(int((features[0] > 0).sum()), model)
    views = views_of(math.prod(grid.size))
    field = torch.zeros(grid.shape)
    for axes in views:
        field += _answer(features, model, axes) / len(views)
    return Volume(field.numpy(), grid)


def _make_room(voxels: int, model: Model) -> None:
    """Refuse a network on more voxels than memory holds; keep nothing freed beside a large one.

    Raises:
        MemoryLimitError: Less is free than it needs.
    """
    needed = voxels * model.network.config.channels[0] * _BYTES_A_FEATURE
    require_bytes(needed, f"The network on {voxels:,} voxels of the finer grid")
    if needed > 2 * MOST_KEPT_BYTES:
        keep_nothing()


def views_of(voxels: int) -> tuple[tuple[int, ...], ...]:
    """Choose those of VIEWS that a grid of so many voxels is worth; a very large one gets one."""
    return VIEWS[: next((count for most, count in VIEWED if voxels <= most), 1)]


def _answer(features: Tensor, model: Model, axes: tuple[int, ...]) -> Tensor:
    """Give the network's probabilities, (z, y, x), for features (3, z, y, x) seen turned round."""
    shown = features.flip([axis + 1 for axis in axes]) if axes else features
    with torch.inference_mode():
        inputs = fine_tensor(shown).to(model.device)
        answer = model.network(inputs, model.backend, thresholds=model.thresholds).final.to("cpu")
        probability = torch.sigmoid(answer.features[:, 0])
    rows = answer.voxels.coordinates[:, 1:].long()
    inside = (rows < torch.tensor(shown.shape[1:])).all(1)
    field = torch.zeros(shown.shape[1:])
    field[tuple(rows[inside].unbind(1))] = probability[inside]
    return field.flip(axes) if axes else field


def field_on(field: Volume, target: Geometry) -> tuple[Volume, tuple[slice, slice, slice] | None]:
    """Bring a field to the grid wanted, below the network's resolution.

    Args:
        field: Of `fine_field`.
        target: The grid wanted.

    Returns:
        float32 on the part of `target` that covers the field, and where that part lies in it;
        None where it covers nothing.
    """
    box = index_box(target, field.geometry)
    if box is None:
        none = Geometry((0, 0, 0), target.spacing, target.origin, target.direction)
        return Volume(np.zeros((0, 0, 0), np.float32), none), None
    part = part_of(target, *box)
    x, y, z = (max(1, round(t / field.geometry.spacing[0])) for t in target.spacing)
    sx, sy, sz = target.spacing
    samples = sample_onto(field, regrid(part, (sx / x, sy / y, sz / z))).array
    if max(x, y, z) > 1:  # the wanted voxels are larger: their mean counts, not their middle
        depth, height, width = part.shape
        samples = samples.reshape(depth, z, height, y, width, x).mean((1, 3, 5), dtype=np.float32)
    return Volume(samples, part), slices(*box)


def nearest_factor(ratio: float, factors: tuple[int, ...]) -> int:
    """Choose the factor that a network knows nearest to a ratio of spacings."""
    return min(factors, key=lambda f: (abs(math.log(f / max(ratio, 1e-6))), f))


def _text(values: object) -> str:
    return " x ".join(f"{v:.4g}" for v in np.asarray(values).tolist())
