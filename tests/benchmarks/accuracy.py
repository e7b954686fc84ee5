"""Accuracy of the released model: implant and skull metrics over held-out skulls.

    python tests/benchmarks/accuracy.py DATA [--model NAME] [--set validation] [--output FILE]

DATA is a folder in the AutoImplant layout. Every held-out skull is completed with its own
(challenge) defect and with one random defect of every family, cut at full resolution with fixed
seeds (1000 * case + family), through the same steps as ``skullfix complete``. Prints a Markdown
table; with --output also writes one JSON row a case.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from skullfix.cases.defects import FAMILIES
from skullfix.cases.folder import read_split
from skullfix.cases.simulate import simulate_defect
from skullfix.evaluation.evaluate import evaluate_masks
from skullfix.evaluation.metrics import dice, reconstruction_error
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.tasks.complete import complete_bone
from skullfix.tasks.model import Model, load_model

VARIED_RANGE_ML = (15.0, 120.0)


def measure(model: Model, family: str, name: str, bone: Volume, truth: Volume) -> dict[str, object]:
    """Complete one defective skull and compare with the truth."""
    start = time.perf_counter()
    cleaned = complete_bone(bone, model)
    seconds = time.perf_counter() - start
    scores = evaluate_masks(cleaned.mask, truth, bone)
    skull = bone.array | truth.array
    completed = bone.array | cleaned.mask.array
    return {
        "case": name,
        "family": family,
        "truth_ml": round(scores.truth_ml, 2),
        "predicted_ml": round(scores.prediction_ml, 2),
        "dsc": scores.dice,
        "bdsc": scores.boundary_dice,
        "hd95": scores.hausdorff95_mm,
        "skull_dsc": dice(completed, skull),
        "skull_re": reconstruction_error(completed, skull),
        "copied_input_dsc": dice(bone.array, skull),
        "seconds": round(seconds, 2),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--set", default="validation")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--families", nargs="*", default=["challenge", *FAMILIES])
    parser.add_argument("--cases", nargs="*")
    options = parser.parse_args()
    model = load_model(options.model, "auto")
    rows = []
    for number, name in enumerate(read_split(options.data, options.set)):
        if options.cases and name not in options.cases:
            continue
        skull, own = (
            as_mask(read_scan(options.data / room / f"{name}.nrrd").volume)[0]
            for room in ("complete_skull", "implant")
        )
        for family in options.families:
            if family == "challenge":
                bone, truth = Volume(skull.array & ~own.array, skull.geometry), own
            else:
                seed = 1000 * number + FAMILIES.index(family)
                case = simulate_defect(skull, seed, family=family, volume_range_ml=VARIED_RANGE_ML)
                bone, truth = case.defective, case.implant
            rows.append(measure(model, family, name, bone, truth))
            print(json.dumps(rows[-1]), flush=True)
            if options.output:
                text = "".join(json.dumps(row) + "\n" for row in rows)
                options.output.write_text(text, encoding="utf-8")
    print(table(rows))


def table(rows: list[dict[str, object]]) -> str:
    """Means over each family, and over all but the challenge's defects."""
    lines = [
        "| defects | cases | implant DSC | median | worst | bDSC 10 mm | HD95 mm "
        "| skull DSC | copied input, skull DSC | skull RE % |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    families = list(dict.fromkeys(str(row["family"]) for row in rows))
    groups = {name: [r for r in rows if r["family"] == name] for name in families}
    varied = [r for r in rows if r["family"] != "challenge"]
    if varied:
        groups["all varied"] = varied
    for name, group in groups.items():
        column = {
            key: np.array([float(r[key]) for r in group])
            for key in group[0]
            if key not in ("case", "family")
        }  # type: ignore[arg-type]
        hd = column["hd95"]
        lost = int((~np.isfinite(hd)).sum())
        hd_text = f"{hd[np.isfinite(hd)].mean():.2f}" + (
            f" ({lost} without answer)" if lost else ""
        )
        lines.append(
            f"| {name} | {len(group)} | {column['dsc'].mean():.3f} "
            f"| {np.median(column['dsc']):.3f} | {column['dsc'].min():.3f} "
            f"| {column['bdsc'].mean():.3f} | {hd_text} "
            f"| {column['skull_dsc'].mean():.4f} | {column['copied_input_dsc'].mean():.4f} "
            f"| {column['skull_re'].mean():.4f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
