"""The contact sheet of a case: six sides and three planes in one picture, written as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from skullfix.files.whole import whole_file
from skullfix.images.resample import sample_onto
from skullfix.images.volume import Geometry, Volume
from skullfix.report.render import (
    BACKGROUND,
    RGB,
    VIEWS,
    Layer,
    Scene,
    View,
    build_scene,
    fit_picture,
    render_surface,
)

IVORY: RGB = (232, 222, 200)
IMPLANT: RGB = (45, 156, 219)
SIDES: tuple[View, ...] = ("right", "front", "left", "back", "top", "bottom")
_INK: RGB = (205, 211, 220)
_WINDOW_HU = (-200.0, 1300.0)
_PLANES: tuple[tuple[str, View], ...] = (
    ("axial", "bottom"),  # drawn as radiologists do: from the feet
    ("coronal", "front"),
    ("sagittal", "left"),
)


def implant_scene(defective: Volume, implant: Volume) -> Scene:
    """Put a skull and its implant on one coarse grid, for the pictures and the report.

    Args:
        defective: bool or uint8 {0, 1} (z, y, x), the bone that is there.
        implant: Mask of the implant, on any grid; may be empty.

    Raises:
        InputError: Both masks are empty.
    """
    return build_scene([Layer(defective, IVORY), Layer(implant, IMPLANT)])


def contact_sheet(
    scene: Scene, *, scan: Volume | None = None, tile: int = 420
) -> NDArray[np.uint8]:
    """Draw a skull and its implant from six sides and in three planes through the implant.

    Args:
        scene: Of `implant_scene`; without an implant the planes go through the middle of the bone.
        scan: Hounsfield units to show in the planes; the bone mask when absent.
        tile: Pixels of the side of one picture.

    Returns:
        (3 * tile, 3 * tile, 3) uint8.
    """
    tiles = [_caption(render_surface(scene, view=v, size=(tile, tile)), v) for v in SIDES]
    tiles += _planes(scene, scene_focus(scene), scan, tile)
    return _grid(tiles, 3)


def comparison_sheet(scene: Scene, *, tile: int = 420) -> NDArray[np.uint8]:
    """Draw a mask before (upper row) and after (lower row) a task, from the front, left and top.

    Args:
        scene: Of `build_scene`; its first layer is before, its second one after.
        tile: Pixels of the side of one picture.

    Returns:
        (2 * tile, 3 * tile, 3) uint8.
    """
    tiles = []
    for layer, name in enumerate(("before", "after")):
        alone = scene.only(layer)
        for view in SIDES[1:3] + SIDES[4:5]:
            picture = render_surface(alone, view=view, size=(tile, tile))
            tiles.append(_caption(picture, f"{name}, {view}"))
    return _grid(tiles, 3)


def write_png(picture: NDArray[np.uint8], path: Path, *, overwrite: bool = False) -> Path:
    """Write a picture; the file appears whole or not at all.

    Args:
        picture: (height, width, 3) uint8.
        path: The file to make.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path.

    Raises:
        OutputError: The file exists already or cannot be written.
    """
    with whole_file(path, overwrite=overwrite) as file:
        Image.fromarray(picture).save(file, format="PNG", compress_level=6)
    return path


def scene_focus(scene: Scene) -> NDArray[np.float64]:
    """World position (3,) of the voxel nearest to the middle of the last layer that has any."""
    fraction = next(f for f in reversed(scene.fractions) if f.any())
    index = np.argwhere(fraction > 0.5 * fraction.max())[:, ::-1]  # (N, 3) x, y, z
    nearest = index[np.argmin(np.linalg.norm(index - index.mean(axis=0), axis=1))]
    place: NDArray[np.float64] = np.asarray(scene.grid.origin) + nearest * scene.grid.spacing[0]
    return place


def _planes(
    scene: Scene, centre: NDArray[np.float64], scan: Volume | None, tile: int
) -> list[NDArray[np.uint8]]:
    """Axial, coronal and sagittal pictures through a world position."""
    at = np.rint((centre - np.asarray(scene.grid.origin)) / scene.grid.spacing[0]).astype(int)
    pictures = []
    for name, view in _PLANES:
        axis, _, right, down = VIEWS[view]  # axis 0 = z
        position = int(at[2 - axis])
        parts = [np.take(fraction, position, axis=axis) for fraction in scene.fractions]
        if scan is None:
            gray = 28.0 + 192.0 * parts[0]
        else:
            low, high = _WINDOW_HU
            values = sample_onto(scan, _one_plane(scene.grid, axis, position)).array
            gray = 255.0 * np.clip((np.squeeze(values, axis) - low) / (high - low), 0, 1)
        weight = parts[1][..., None]
        picture = gray[..., None] * (1 - weight) + np.asarray(IMPLANT) * weight
        if down[0] > right[0]:  # rows run down the picture
            picture = picture.transpose(1, 0, 2)
        picture = picture[:: -1 if down[1] else 1, :: -1 if right[1] else 1]
        pixels = np.ascontiguousarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
        pictures.append(_caption(fit_picture(pixels, (tile, tile)), name))
    return pictures


def _one_plane(grid: Geometry, axis: int, position: int) -> Geometry:
    """One layer of a grid across an array axis (0 = z)."""
    size, origin = list(grid.size), list(grid.origin)
    size[2 - axis] = 1
    origin[2 - axis] += position * grid.spacing[2 - axis]
    return Geometry(
        (size[0], size[1], size[2]),
        grid.spacing,
        (origin[0], origin[1], origin[2]),
        grid.direction,
    )


def _caption(picture: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Name a picture, and the patient's sides where they are seen."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    size = max(11, picture.shape[0] // 26)
    font = ImageFont.load_default(size)
    draw.text((size * 0.6, size * 0.4), text, fill=_INK, font=font)
    word = text.split(", ")[-1]
    marks = {"front": "RL", "coronal": "RL", "axial": "RL", "bottom": "RL"} | {
        "back": "LR",
        "top": "LR",
        "left": "AP",
        "sagittal": "AP",
        "right": "PA",
    }
    middle = picture.shape[0] / 2
    for letter, x, anchor in zip(
        marks.get(word, ""), (size * 0.4, picture.shape[1] - size * 0.4), ("lm", "rm"), strict=False
    ):
        draw.text((x, middle), letter, fill=_INK, font=font, anchor=anchor)
    return np.asarray(image)


def _grid(tiles: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Join equal pictures row by row, with thin lines between them."""
    lined = [tile.copy() for tile in tiles]
    for tile in lined:
        tile[-1:, :] = tile[:, -1:] = [min(255, c + 30) for c in BACKGROUND]
    rows = [np.hstack(lined[i : i + columns]) for i in range(0, len(lined), columns)]
    return np.vstack(rows)
