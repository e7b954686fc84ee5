"""Pictures of masks from six sides, computed on the processor; no OpenGL, no window.

Masks are averaged onto one coarse grid whose axes are left, posterior and superior, whatever the
axes of the scan; a picture is the first surface that parallel rays meet, shaded by the gradient
of the occupancy. Patients are shown as one looks at them: from the front, their left is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from skullfix.errors import InputError
from skullfix.images.box import bounding_box, crop, part_of, slices
from skullfix.images.resample import block_average, sample_onto, world_bounds, world_grid
from skullfix.images.volume import Geometry, Volume

RGB = tuple[int, int, int]
View = Literal["left", "right", "front", "back", "top", "bottom"]

BACKGROUND: RGB = (24, 27, 33)
_LEVEL = 0.4
_VOXELS = 230  # along the longest side of what is shown, where it is that fine
# Ray axis and whether it runs towards larger values; then which axis is drawn to the right and
# down, each with whether it is drawn reversed. Axes: 0 = z (superior), 1 = y (posterior), 2 = x
# (left).
VIEWS: dict[View, tuple[int, bool, tuple[int, bool], tuple[int, bool]]] = {
    "left": (2, False, (1, False), (0, True)),
    "right": (2, True, (1, True), (0, True)),
    "front": (1, True, (2, False), (0, True)),
    "back": (1, False, (2, True), (0, True)),
    "top": (0, False, (2, True), (1, False)),
    "bottom": (0, True, (2, False), (1, False)),
}


@dataclass(frozen=True)
class Layer:
    """A mask and its colour.

    Attributes:
        mask: bool or uint8 {0, 1}, (z, y, x), on any grid.
        color: Red, green, blue, 0 to 255.
    """

    mask: Volume
    color: RGB


@dataclass(frozen=True)
class Scene:
    """Layers on one coarse grid with LPS axes.

    Attributes:
        grid: The grid; isotropic spacing, direction = identity.
        fractions: One (z, y, x) float32 occupancy, 0 to 1, for each layer.
        colors: One colour for each layer.
        stairs: Largest spacing (mm) of each layer's own voxels; 0 where it has none.
    """

    grid: Geometry
    fractions: tuple[NDArray[np.float32], ...]
    colors: tuple[RGB, ...]
    stairs: tuple[float, ...]

    @cached_property
    def surface(self) -> NDArray[np.float32]:
        """(z, y, x) float32, the sum of the layers, smoothed; 0.4 is the surface drawn."""
        # a coarse mask is drawn with less of its stairs
        blur = 0.9 * max(1.0, max(self.stairs) / self.grid.spacing[0])
        total = np.minimum(np.sum(self.fractions, axis=0, dtype=np.float32), np.float32(1))
        smooth: NDArray[np.float32] = ndimage.gaussian_filter(total, blur, truncate=3.0)
        return smooth

    def only(self, layer: int) -> Scene:
        """Give the same grid with one of the layers."""
        chosen = slice(layer, layer + 1)
        return Scene(self.grid, self.fractions[chosen], self.colors[chosen], self.stairs[chosen])


def build_scene(layers: Sequence[Layer]) -> Scene:
    """Average layers onto a common grid.

    Args:
        layers: At least one; layers without a voxel are allowed, but not all of them.

    Returns:
        The scene; its outermost voxels are empty.

    Raises:
        InputError: All masks are empty.
    """
    parts: list[Volume | None] = []
    for layer in layers:
        box = bounding_box(layer.mask.array)
        parts.append(None if box is None else crop(layer.mask, *box))
    bounds = [world_bounds(part.geometry) for part in parts if part is not None]
    if not bounds:
        raise InputError(
            "There is nothing to draw: every mask is empty.",
            hint="Check that the mask has voxels above 0.",
        )
    low = np.min([b[0] for b in bounds], axis=0)
    high = np.max([b[1] for b in bounds], axis=0)
    finest = min(min(part.geometry.spacing) for part in parts if part is not None)
    spacing = max(float((high - low).max()) / _VOXELS, finest / 2)
    grid = world_grid(low - 3 * spacing, high + 3 * spacing, spacing)
    fractions = tuple(
        np.zeros(grid.shape, np.float32) if part is None else _fraction(part, grid)
        for part in parts
    )
    stairs = tuple(0.0 if part is None else max(part.geometry.spacing) for part in parts)
    return Scene(grid, fractions, tuple(layer.color for layer in layers), stairs)


def render_surface(
    layers: Sequence[Layer] | Scene, *, view: View, size: tuple[int, int] = (420, 420)
) -> NDArray[np.uint8]:
    """Draw the surface of masks from one side.

    Args:
        layers: Masks with their colours, or a scene made of them once for several views.
        view: The side one looks from, in patient terms.
        size: (height, width) of the picture in pixels; proportions are kept.

    Returns:
        (height, width, 3) uint8 red, green, blue.
    """
    scene = layers if isinstance(layers, Scene) else build_scene(layers)
    axis, forward, right, down = VIEWS[view]
    order = (axis, down[0], right[0])
    reversals = (not forward, down[1], right[1])
    flips = tuple(slice(None, None, -1 if reverse else 1) for reverse in reversals)
    parts = [fraction.transpose(order)[flips] for fraction in scene.fractions]
    surface = scene.surface.transpose(order)[flips]
    return fit_picture(_shade(surface, parts, scene.colors), size)


def _shade(
    smooth: NDArray[np.float32], parts: Sequence[NDArray[np.float32]], colors: Sequence[RGB]
) -> NDArray[np.uint8]:
    """First hit along axis 0 of (ray, row, column) occupancies -> (row, column, 3) uint8."""
    level = min(_LEVEL, 0.5 * float(smooth.max()))  # a speck is drawn too
    solid = smooth >= level
    seen = solid.any(axis=0)
    hit = np.where(seen, solid.argmax(axis=0), 0)
    rows, columns = np.indices(hit.shape)
    padded = np.pad(smooth, 1)

    def sample(ray: int, row: int, column: int) -> NDArray[np.float32]:
        values: NDArray[np.float32] = padded[hit + 1 + ray, rows + 1 + row, columns + 1 + column]
        return values

    here, before = sample(0, 0, 0), sample(-1, 0, 0)
    depth = hit - np.clip((here - level) / np.maximum(here - before, 1e-3), 0, 1)
    normal = np.stack(
        [
            sample(-1, 0, 0) - sample(1, 0, 0),
            sample(0, -1, 0) - sample(0, 1, 0),
            sample(0, 0, -1) - sample(0, 0, 1),
        ]
    )
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-6)
    # light from the viewer's upper left; normal[0] < 0 faces the viewer
    light = np.array([-0.78, -0.45, -0.43])
    diffuse = np.clip(np.tensordot(light / np.linalg.norm(light), normal, axes=1), 0, 1)
    facing = np.clip(-normal[0], 0, 1)
    # hollows are darker than their surroundings; what lies far behind is dimmer
    around = ndimage.gaussian_filter(np.where(seen, depth, depth[seen].mean()), 6.0)
    hollow = np.clip((depth - around) / 14.0, 0, 1)
    span = max(float(np.ptp(depth[seen])), 1.0)
    dim = 1.0 - 0.35 * np.clip((depth - depth[seen].min()) / span, 0, 1)
    strength = (0.25 + 0.5 * diffuse + 0.25 * facing) * (1.0 - 0.45 * hollow) * dim
    weights = np.stack(
        [part[np.minimum(hit + 1, len(part) - 1), rows, columns] for part in parts]
    ) + np.float32(1e-4)
    weights = weights**2 / (weights**2).sum(axis=0)
    base = np.tensordot(np.asarray(colors, np.float64), weights, axes=([0], [0]))  # (3, h, w)
    picture = np.where(seen, base * strength, np.asarray(BACKGROUND, np.float64)[:, None, None])
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8).transpose(1, 2, 0)


def fit_picture(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale an (h, w, 3) uint8 picture into (height, width), centred on the background."""
    height, width = picture.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    new = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = np.asarray(Image.fromarray(picture).resize(new, Image.Resampling.BICUBIC))
    canvas = np.empty((*size, 3), np.uint8)
    canvas[:] = BACKGROUND
    top, left = (size[0] - new[1]) // 2, (size[1] - new[0]) // 2
    canvas[top : top + new[1], left : left + new[0]] = scaled
    return canvas


def _fraction(mask: Volume, grid: Geometry) -> NDArray[np.float32]:
    """Occupancy of a mask, 0 to 1, on a grid; only the mask's part of it is sampled."""
    blocks = block_average(_margin(mask, 2), grid.spacing[0])
    step = grid.spacing[0]
    first, last = ((b - grid.origin) / step for b in world_bounds(blocks.geometry))
    low = np.maximum(np.floor(first), 0).astype(int)  # x, y, z
    high = np.minimum(np.ceil(last) + 1, grid.size).astype(int)
    x, y, z = (np.asarray(grid.origin) + low * step).tolist()
    width, height, depth = (high - low).tolist()
    part = Geometry((width, height, depth), grid.spacing, (x, y, z), grid.direction)
    occupancy = np.zeros(grid.shape, np.float32)
    occupancy[slices(tuple(low[::-1]), tuple(high[::-1]))] = sample_onto(blocks, part).array / 255
    return occupancy


def _margin(volume: Volume, voxels: int) -> Volume:
    """Add empty voxels on all sides, so that averages fade out."""
    depth, height, width = (n + voxels for n in volume.array.shape)
    grid = part_of(volume.geometry, (-voxels,) * 3, (depth, height, width))
    return Volume(np.pad(volume.array, voxels), grid)
