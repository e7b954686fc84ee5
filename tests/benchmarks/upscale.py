"""Super-resolution against plain interpolation: the paper's Table III on held-out skulls.

    python tests/benchmarks/upscale.py DATA [--steps 64-128 64-256 128-256 64-512] [--model PATH]

DATA is a folder in the AutoImplant layout. Every held-out skull is made coarse by area (with
--ragged: as a fast segmentation would be, smeared and with a ragged border), brought back by four
interpolations and by the network, and compared with itself on the finer grid: DSC and RE
(percentage of wrong voxels), means over the cases. The error ratio is (1 - DSC of the network) over
(1 - DSC of the best interpolation), the best one chosen on the means.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from interpolations import METHODS, by_network, interpolate, made_coarse

from skullfix.cases.coarsen import FULL, occupancy
from skullfix.cases.folder import case_files, read_split
from skullfix.evaluation.metrics import dice, reconstruction_error
from skullfix.images.box import bounding_box, crop
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.regrid import regrid
from skullfix.tasks.fine_models import FineModels

FIELD_OF_VIEW_MM = 230.4  # the paper's matrix sizes stand for spacings: 512 is 0.45 mm


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", nargs="*", default=["64-128", "64-256", "128-256", "64-512"])
    parser.add_argument("--model")
    parser.add_argument("--part", default="validation")
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--ragged", action="store_true")
    options = parser.parse_args()
    models = FineModels("upscale", options.model, "auto")
    rows: list[dict[str, object]] = []
    for name in options.cases or read_split(options.data, options.part):
        whole = as_mask(read_scan(case_files(options.data, name)[0]).volume)[0]
        box = bounding_box(whole.array, 8)
        assert box is not None
        skull = crop(whole, *box)
        for step in options.steps:
            coarse_mm, fine_mm = (FIELD_OF_VIEW_MM / int(size) for size in step.split("-"))
            grid = regrid(skull.geometry, (fine_mm,) * 3)
            truth = occupancy(skull, grid) >= FULL
            coarse = made_coarse(skull, coarse_mm, ragged=options.ragged)
            for method in (*METHODS, "network"):
                start = time.perf_counter()
                if method == "network":
                    answer = by_network(coarse, grid, models, coarse_mm, coarse_mm / fine_mm)
                else:
                    answer = interpolate(coarse, grid, method)
                row = {
                    "case": name,
                    "step": step,
                    "method": method,
                    "dsc": round(dice(answer, truth), 4),
                    "re": round(reconstruction_error(answer, truth), 4),
                    "seconds": round(time.perf_counter() - start, 2),
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
    print(table(rows, options.steps))


def table(rows: list[dict[str, object]], steps: list[str]) -> str:
    """Means over the cases of each step and method."""

    def mean(step: str, method: str, field: str) -> float:
        chosen = [r for r in rows if (r["step"], r["method"]) == (step, method)]
        return float(np.mean([float(r[field]) for r in chosen]))  # type: ignore[arg-type]

    names = (*METHODS, "network")
    lines = [
        "| step | " + " | ".join(f"{name} DSC / RE %" for name in names) + " | error ratio |",
        "|---" * (len(names) + 2) + "|",
    ]
    for step in steps:
        scores = {name: mean(step, name, "dsc") for name in names}
        best = max(scores[name] for name in METHODS)
        cells = [f"{scores[name]:.4f} / {mean(step, name, 're'):.4f}" for name in names]
        ratio = (1 - scores["network"]) / (1 - best)
        lines.append(f"| {step} | " + " | ".join(cells) + f" | {ratio:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
