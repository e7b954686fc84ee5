"""Refinement of organ masks against plain interpolation, on organs kept out of training.

    python tests/benchmarks/organs.py DATA --model PATH [--cases s0004/aorta ...] [--spacing 1.5]

DATA holds one folder a subject (``s0004/aorta.nii.gz``). Every mask is brought to the fine grid,
made coarse by area (--ragged: as a fast segmentation would be) at 3, 4.5 and 6 mm, brought back by
four interpolations and by the network, and compared with itself: DSC, HD95 and mean distance of the
borders in mm, and the number of pieces. The error ratio is (1 - DSC of the network) over (1 - DSC
of the best interpolation of that row).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from interpolations import METHODS, by_network, interpolate, made_coarse

from skullfix.cases.coarsen import FULL, occupancy
from skullfix.evaluation.borders import border_points, distances
from skullfix.evaluation.metrics import dice, hausdorff95
from skullfix.images.box import bounding_box, crop
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.regrid import regrid
from skullfix.tasks.fine_models import FineModels
from skullfix.tasks.pieces import count_pieces, keep_largest

COARSE_MM = (3.0, 4.5, 6.0)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--spacing", type=float, default=1.5)
    parser.add_argument("--ragged", action="store_true")
    options = parser.parse_args()
    models = FineModels("refine", options.model, "auto")
    found = sorted(options.data.glob("*/*.nii.gz"))
    names = options.cases or [f"{p.parent.name}/{p.name.removesuffix('.nii.gz')}" for p in found]
    lines = []
    for name in names:
        whole = as_mask(read_scan(options.data / f"{name}.nii.gz").volume)[0]
        box = bounding_box(whole.array, 8)
        assert box is not None
        organ = crop(whole, *box)
        grid = regrid(organ.geometry, (options.spacing,) * 3)
        step = grid.spacing[::-1]
        truth = occupancy(organ, grid) >= FULL
        for coarse_mm in COARSE_MM:
            coarse = made_coarse(organ, coarse_mm, ragged=options.ragged)
            row = {}
            for method in (*METHODS, "network"):
                if method == "network":
                    answer = by_network(
                        coarse, grid, models, coarse_mm, coarse_mm / grid.spacing[0]
                    )
                    answer = keep_largest(answer, count_pieces(coarse.array))
                else:
                    answer = interpolate(coarse, grid, method)
                ours, theirs = border_points(answer, step), border_points(truth, step)
                apart = np.concatenate([distances(ours, theirs), distances(theirs, ours)])
                row[method] = {
                    "dsc": round(dice(answer, truth), 4),
                    "hd95_mm": round(hausdorff95(answer, truth, step), 2),
                    "mean_mm": round(float(apart.mean()), 3),
                    "pieces": count_pieces(answer),
                }
                told = {"case": name, "coarse_mm": coarse_mm, "method": method, **row[method]}
                print(json.dumps(told), flush=True)
            best = max(METHODS, key=lambda method: row[method]["dsc"])
            ratio = (1 - row["network"]["dsc"]) / (1 - row[best]["dsc"])
            cells = [
                f"{row[m]['dsc']:.4f} / {row[m]['hd95_mm']:.2f} / {row[m]['mean_mm']:.3f}"
                for m in (best, "network")
            ]
            lines.append(f"| {name} | {coarse_mm:g} | {best} | {' | '.join(cells)} | {ratio:.2f} |")
    print("| organ | coarse mm | best interpolation | its DSC / HD95 / mean | ours | error ratio |")
    print("|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
