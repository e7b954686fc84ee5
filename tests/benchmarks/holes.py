"""Holes to develop on: many in training heads, answered by all of `complete`, compared in pairs.

    python tests/benchmarks/holes.py cut HEADS -o HOLES [--factors X,Y,Z]
    python tests/benchmarks/holes.py answer HOLES -o ANSWERS [--model NAME] [--part 0/2]
    python tests/benchmarks/holes.py compare ANSWERS OTHERS

HEADS is a folder in the AutoImplant layout whose training cases are taken; with `implant/` a hole
keeps clear of the head's own, because what fills that may be a network's answer. One hole of every
family is cut into each head, by seeds that depend on the case's place and the family alone.
`--factors` makes whole blocks of voxels into one first, full where more than half is bone: a scan
with longer voxels. `answer` goes on where it was stopped. `compare` prints Markdown: the mean of
both, of the differences, and its standard error, by family, over the holes that both answered.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation

from skullfix.cases.defects import FAMILIES
from skullfix.cases.folder import case_files, read_split
from skullfix.cases.simulate import simulate_defect
from skullfix.errors import InputError
from skullfix.evaluation.evaluate import evaluate_masks
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.resample import block_grid, block_sums
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.complete import complete_bone
from skullfix.tasks.model import load_model

RANGE_ML = (15.0, 120.0)
CLEAR_VOXELS = 10
TRIES = 8


def cut(heads: Path, output: Path, factors: tuple[int, int, int]) -> None:
    """Cut the holes and write each with its head."""
    output.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(read_split(heads, "train")):
        skull, own = (coarser(mask, factors) for mask in masks_of(heads, name))
        keep = binary_dilation(own.array, iterations=CLEAR_VOXELS)
        for index, family in enumerate(FAMILIES):
            for attempt in range(TRIES):
                seed = 1_000_000 + 10_000 * attempt + 100 * number + index
                try:
                    piece = simulate_defect(skull, seed, family=family, volume_range_ml=RANGE_ML)
                except InputError:
                    continue
                if not (piece.implant.array & keep).any():
                    save(output / f"{name}_{family}.npz", piece.defective, piece.implant)
                    break
            else:
                print(f"{name} {family}: no hole clear of its own")


def masks_of(heads: Path, name: str) -> tuple[Volume, Volume]:
    """Read a head and its own hole, empty where it has none."""
    skull, own = case_files(heads, name)
    whole = as_mask(read_scan(skull).volume)[0]
    if own is None:
        return whole, Volume(np.zeros_like(whole.array), whole.geometry)
    return whole, as_mask(read_scan(own).volume)[0]


def coarser(mask: Volume, factors: tuple[int, int, int]) -> Volume:
    """Make whole blocks of voxels (x, y, z) into one."""
    if factors == (1, 1, 1):
        return mask
    grid = block_grid(mask.geometry, factors)
    sums = [total for _, total in block_sums(mask.array.view(np.uint8), factors, np.uint16)]
    return Volume(np.concatenate(sums) * 2 > math.prod(factors), grid)


def save(path: Path, bone: Volume, implant: Volume) -> None:
    """Write two masks of one grid, packed."""
    grid = bone.geometry
    np.savez(
        path,
        bone=np.packbits(bone.array),
        implant=np.packbits(implant.array),
        size=grid.size,
        spacing=grid.spacing,
        origin=grid.origin,
        direction=grid.direction,
    )


def load(path: Path) -> tuple[Volume, Volume]:
    """Read what `save` wrote."""
    with np.load(path) as file:
        keys = ("size", "spacing", "origin", "direction")
        grid = Geometry(*(tuple(file[key].tolist()) for key in keys))
        count = math.prod(grid.shape)
        bone, implant = (
            Volume(np.unpackbits(file[key], count=count).reshape(grid.shape).astype(bool), grid)
            for key in ("bone", "implant")
        )
    return bone, implant


def answer(holes: Path, output: Path, model_name: str | None, part: str) -> None:
    """Complete every hole of a part; rows and implants go into a folder."""
    output.mkdir(parents=True, exist_ok=True)
    this, parts = map(int, part.split("/"))
    rows_file = output / f"rows-{this}-of-{parts}.jsonl"
    done = {row["case"] for row in rows_of(output)}
    model = load_model(model_name, "auto")
    for path in sorted(holes.glob("*.npz"))[this::parts]:
        if path.stem in done:
            continue
        bone, truth = load(path)
        found = complete_bone(bone, model).mask
        save(output / path.name, bone, found)
        scores = evaluate_masks(found, truth, bone)
        row = {
            "case": path.stem,
            "dsc": scores.dice,
            "bdsc": scores.boundary_dice or 0.0,
            "hd95": scores.hausdorff95_mm,
        }
        with rows_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def rows_of(folder: Path) -> list[dict[str, float | str]]:
    """Read the rows of all parts."""
    return [
        json.loads(line)
        for path in sorted(folder.glob("rows-*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def compare(first: Path, second: Path) -> None:
    """Print the paired differences in DSC, bDSC and HD95."""
    before, after = ({row["case"]: row for row in rows_of(folder)} for folder in (first, second))
    both = sorted(set(before) & set(after))
    print("| holes | number | measure | before | after | difference | standard error |")
    print("|---|---|---|---|---|---|---|")
    for family in ("all", *FAMILIES):
        cases = [case for case in both if family in ("all", str(case).split("_", 1)[1])]
        if not cases:
            continue
        for key in ("dsc", "bdsc", "hd95"):
            pairs = [(before[case][key], after[case][key]) for case in cases]
            values = np.array([[np.nan if v is None else v for v in pair] for pair in pairs])
            values = values[np.isfinite(values).all(1)]
            change = values[:, 1] - values[:, 0]
            error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.nan
            means = " | ".join(f"{mean:.4f}" for mean in values.mean(0))
            numbers = f"{len(change)} | {key} | {means} | {change.mean():+.4f} | {error:.4f}"
            print(f"| {family} | {numbers} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    cutting = commands.add_parser("cut")
    cutting.add_argument("heads", type=Path)
    cutting.add_argument("-o", "--output", type=Path, required=True)
    cutting.add_argument("--factors", default="1,1,1")
    answering = commands.add_parser("answer")
    answering.add_argument("holes", type=Path)
    answering.add_argument("-o", "--output", type=Path, required=True)
    answering.add_argument("--model")
    answering.add_argument("--part", default="0/1")
    comparing = commands.add_parser("compare")
    comparing.add_argument("first", type=Path)
    comparing.add_argument("second", type=Path)
    options = parser.parse_args()
    if options.command == "cut":
        x, y, z = map(int, options.factors.split(","))
        cut(options.heads, options.output, (x, y, z))
    elif options.command == "answer":
        answer(options.holes, options.output, options.model, options.part)
    else:
        compare(options.first, options.second)


if __name__ == "__main__":
    main()
