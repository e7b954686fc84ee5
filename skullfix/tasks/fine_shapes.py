"""The masks in a file that `upscale` and `refine` work on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skullfix.cases.coarsen import coarsen
from skullfix.cases.organs import SEGTHOR_LABELS
from skullfix.errors import InputError
from skullfix.images.mask import as_mask
from skullfix.images.read import Scan
from skullfix.images.volume import Volume
from skullfix.tasks.fine_options import ALL, FineOptions, Task

MOST_LABELS = 64


def read_shapes(
    scan: Scan, task: Task, options: FineOptions
) -> tuple[dict[int, Volume], tuple[str, ...]]:
    """Give the masks in a file by their value; for a label map only with ``--organ all``.

    Returns:
        Value to mask, bool (z, y, x), none of them empty; and warnings.

    Raises:
        InputError: It is empty, no label map, or one where one mask was expected.
    """
    array = scan.volume.array
    if options.organ != ALL:
        try:
            mask, warnings = as_mask(scan.volume)
        except InputError as error:
            if task == "upscale" or not array.any():
                raise
            hint = f"{error.hint} To refine every label of a map, use --organ all."
            raise InputError(error.message, hint=hint) from error
        return {1: mask}, warnings
    values = np.unique(array[array != 0])
    if not len(values):
        raise InputError("The label map is empty.", hint="Check that the right file was given.")
    whole = np.isfinite(values).all() and (values == np.rint(values)).all()
    if not whole or values.min() < 0 or values.max() > 65535 or len(values) > MOST_LABELS:
        raise InputError(
            f"This is no label map: {len(values)} values, from {values.min():g} to "
            f"{values.max():g}; at most {MOST_LABELS} whole numbers up to 65535 were expected.",
            hint="Give a segmentation, not an image.",
        )
    geometry = scan.volume.geometry
    known = {number: organ for organ, number in SEGTHOR_LABELS.items()}
    told = ", ".join(f"{int(v)}" + (f" ({known[v]})" if v in known else "") for v in values)
    said = f"Refined every label of the map: {told}; names as in SegTHOR."
    return {int(v): Volume(array == v, geometry) for v in values}, (said,)


def coarser_shapes(
    shapes: Mapping[int, Volume], spacing: float
) -> tuple[dict[int, Volume], tuple[str, ...]]:
    """Bring masks that were stored on a fine grid back to their true resolution.

    Args:
        shapes: Of `read_shapes`.
        spacing: Their true one, mm.

    Returns:
        The coarse masks, without those of which nothing is left; and warnings that name these.

    Raises:
        InputError: That is no coarser, or nothing is left of any.
    """
    finest = min(next(iter(shapes.values())).geometry.spacing)
    if spacing <= 1.2 * finest:
        raise InputError(
            f"--coarse {spacing:g} mm is no coarser than the mask's own voxels of {finest:.3g} mm.",
            hint="Leave --coarse out.",
        )
    made = {label: coarsen(mask, spacing) for label, mask in shapes.items()}
    kept = {label: mask for label, mask in made.items() if mask.array.any()}
    if not kept:
        raise InputError(
            f"Nothing of the mask is left at {spacing:g} mm.", hint="Give a smaller --coarse."
        )
    lost = [label for label in made if label not in kept]
    return kept, tuple(f"Label {n} has nothing left at {spacing:g} mm; it is lost." for n in lost)
