"""Coarse masks as files: what a fast scan or segmentation would have given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skullfix.cases.coarsen import coarsen, coarsen_ragged
from skullfix.errors import InputError, UsageError
from skullfix.files.outputs import plan_outputs, staged
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.resample import sample_onto
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume


def simulate_coarse(
    source: Path,
    folder: Path,
    *,
    spacing: float,
    kind: str = "plain",
    back: bool = False,
    seed: int = 0,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write ``STEM_coarse``, and with `back` also ``STEM_back``, its interpolation.

    Args:
        source: A fine mask.
        folder: Where the result goes.
        spacing: Of the coarse mask, mm.
        kind: ``plain`` downsamples by area; ``ragged`` is smeared and noisy as a segmentation.
        back: Also interpolate the coarse mask back to the fine grid, as the paper does.
        seed: Of ``ragged``.
        overwrite: Whether existing files may be replaced.

    Returns:
        Paths, spacing and volumes.

    Raises:
        UsageError: The kind is unknown or the spacing out of range.
        InputError: The input is no mask, as coarse already, or nothing of it would be left.
        OutputError: An output exists or cannot be written.
    """
    if kind not in ("plain", "ragged"):
        raise UsageError(f"--kind {kind} is unknown", hint="choose plain or ragged")
    if not 0.2 <= spacing <= 20:
        raise UsageError(f"--spacing {spacing:g}", hint="give 0.2 to 20 mm")
    scan = read_scan(source)
    mask, _ = as_mask(scan.volume)
    finest = min(mask.geometry.spacing)
    if spacing < 1.2 * finest:
        raise InputError(
            f"The mask has voxels of {finest:.3g} mm; {spacing:g} mm is no coarser.",
            hint="Choose a larger --spacing.",
        )
    coarse = coarsen(mask, spacing) if kind == "plain" else coarsen_ragged(mask, spacing, seed)
    if not coarse.array.any():
        raise InputError(
            f"Nothing of the mask is left at {spacing:g} mm.", hint="Choose a smaller --spacing."
        )
    names = {"coarse": f"_coarse{scan.suffix}"}
    names |= {"back": f"_back{scan.suffix}"} if back else {}
    paths = plan_outputs(source, folder, scan.stem, names, overwrite=overwrite)
    with staged(paths) as aside:
        write_volume(coarse, aside["coarse"])
        if back:
            fine = sample_onto(coarse, mask.geometry).array >= 0.5
            write_volume(Volume(fine, mask.geometry), aside["back"])
    return {
        "outputs": {name: str(path) for name, path in paths.items()},
        "spacing_mm": spacing,
        "volume_ml": round(mask.geometry.filled_ml(mask.array), 3),
        "coarse_volume_ml": round(coarse.geometry.filled_ml(coarse.array), 3),
    }
