"""One picture of a task: coarse, interpolated, ours and truth side by side, surface and slice.

    python tests/benchmarks/finer_picture.py upscale MASK --coarse 3.6 --fine 0.9 -o picture.png

MASK is a fine mask; it is made coarse by area and brought back. Use a case kept out of training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from interpolations import by_network, interpolate
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from skullfix.cases.coarsen import FULL, coarsen, occupancy
from skullfix.evaluation.metrics import dice
from skullfix.images.box import bounding_box, crop
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.regrid import regrid
from skullfix.images.volume import Volume
from skullfix.report.render import BACKGROUND, VIEWS, Layer, View, fit_picture, render_surface
from skullfix.tasks.fine_models import FineModels

TILE, LABEL = 380, 30
INK, SHAPE = (205, 211, 220), (232, 222, 200)


def slice_tile(mask: NDArray[np.bool_], view: View) -> NDArray[np.uint8]:
    """Draw the slice through the middle, seen as `view` is."""
    axis, _, right, down = VIEWS[view]
    plane = mask.take(mask.shape[axis] // 2, axis)
    rest = [a for a in range(3) if a != axis]
    picture = plane if rest == [down[0], right[0]] else plane.T
    picture = picture[:: -1 if down[1] else 1, :: -1 if right[1] else 1]
    colours = np.where(picture[..., None], np.uint8(SHAPE), np.uint8(BACKGROUND))
    grown = np.kron(colours, np.ones((4, 4, 1), np.uint8))  # whole pixels a voxel: stairs stay
    return fit_picture(grown.astype(np.uint8), (TILE, TILE))


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("upscale", "refine"))
    parser.add_argument("mask", type=Path)
    parser.add_argument("--coarse", type=float, required=True)
    parser.add_argument("--fine", type=float, required=True)
    parser.add_argument("--view", default="left")
    parser.add_argument("--slice", default="bottom")
    parser.add_argument("--model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    whole = as_mask(read_scan(options.mask).volume)[0]
    box = bounding_box(whole.array, 8)
    assert box is not None
    shape = crop(whole, *box)
    grid = regrid(shape.geometry, (options.fine,) * 3)
    truth = occupancy(shape, grid) >= FULL
    coarse = coarsen(shape, options.coarse)
    models = FineModels(options.task, options.model, "auto")
    columns = {
        f"coarse, {options.coarse:g} mm": interpolate(coarse, grid, "nearest"),
        f"linear, {options.fine:g} mm": interpolate(coarse, grid, "linear"),
        "skullfix": by_network(coarse, grid, models, options.coarse, options.coarse / options.fine),
        "truth": truth,
    }
    sheet = Image.new("RGB", (4 * TILE, 2 * TILE + LABEL), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for column, (name, mask) in enumerate(columns.items()):
        left = column * TILE
        told = name if name == "truth" else f"{name}: DSC {dice(mask, truth):.3f}"
        draw.text((left + 12, 5), told, INK, font=font)
        surface = render_surface(
            [Layer(Volume(mask, grid), SHAPE)], view=options.view, size=(TILE, TILE)
        )
        sheet.paste(Image.fromarray(surface), (left, LABEL))
        sheet.paste(Image.fromarray(slice_tile(mask, options.slice)), (left, LABEL + TILE))
    sheet.save(options.output, optimize=True)


if __name__ == "__main__":
    main()
