"""Random defects as files: the defective skull and the true implant of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from skullfix.cases.simulate import simulate_defect
from skullfix.files.outputs import plan_outputs, staged
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.write import write_volume


def simulate_files(
    source: Path,
    folder: Path,
    *,
    seed: int,
    count: int,
    family: str | None,
    volume_range_ml: tuple[float, float],
    overwrite: bool,
    progress: Callable[[str, float | None], None],
) -> list[dict[str, Any]]:
    """Write ``STEM_sSEED_defective`` and ``STEM_sSEED_implant`` for `count` seeds.

    Args:
        source: Mask of a complete skull.
        folder: Where they go.
        seed: Of the first defect; the next has the next seed.
        count: How many.
        family: See `simulate_defect`.
        volume_range_ml: See `simulate_defect`.
        overwrite: Whether existing files may be replaced.
        progress: Called with the stage and the fraction done.

    Returns:
        For each: seed, family, volume_ml, defective, implant (paths).

    Raises:
        InputError: The input is no mask, or no such defect can be cut.
        OutputError: An output exists or cannot be written.
    """
    scan = read_scan(source)
    skull, _ = as_mask(scan.volume)
    names = {
        f"{part}-{s}": f"_s{s}_{part}{scan.suffix}"
        for s in range(seed, seed + count)
        for part in ("defective", "implant")
    }
    paths = plan_outputs(source, folder, scan.stem, names, overwrite=overwrite)
    cases = []
    with staged(paths) as aside:
        for s in range(seed, seed + count):
            progress("cutting defects", (s - seed) / count)
            case = simulate_defect(skull, s, family=family, volume_range_ml=volume_range_ml)
            for part, mask in (("defective", case.defective), ("implant", case.implant)):
                write_volume(mask, aside[f"{part}-{s}"])
            volume = skull.geometry.filled_ml(case.implant.array)
            cases.append(
                {
                    "seed": s,
                    "family": case.family,
                    "volume_ml": round(volume, 3),
                    "defective": str(paths[f"defective-{s}"]),
                    "implant": str(paths[f"implant-{s}"]),
                }
            )
    return cases
