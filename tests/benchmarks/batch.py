"""A batch of real cases against the same cases one by one: bytes, time, memory.

    python tests/benchmarks/batch.py autoimplant/ -o work/ [--each 10]

Takes as many unlabelled cases, validation skulls with the challenge's defect, and the same skulls
with simulated defects as --each says. The single runs are made half before, half after the batch,
so that a machine that is busy with other work is about as busy for both.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume

FAMILIES = ("parietotemporal", "fronto-orbital", "bilateral", "occipital", "irregular")
COMMAND = [sys.executable, "-m", "skullfix"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder in the AutoImplant layout")
    parser.add_argument("-o", "--work", type=Path, required=True, help="folder to work in")
    parser.add_argument("--each", type=int, default=10, help="cases of each of the three kinds")
    options = parser.parse_args()
    cases = gather(options.data, options.work / "in", options.each)
    half = len(cases) // 2
    singles = [single(case, options.work / "single") for case in cases[:half]]
    start = time.perf_counter()
    out = options.work / "batch"
    done = subprocess.run([*COMMAND, "batch", "complete", options.work / "in", "-o", out, "-q"])
    together = time.perf_counter() - start
    singles += [single(case, options.work / "single") for case in cases[half:]]
    print(f"exit code of the batch: {done.returncode}")
    print(f"singles {sum(singles):.0f} s, batch {together:.0f} s, {together / sum(singles):.2f}")
    compare(options.work / "single", out)
    memory(out, options.each)


def gather(data: Path, folder: Path, each: int) -> list[Path]:
    """Write the cases; their names give the order: the same skulls come first and last."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line.split() for line in (data / "split.txt").read_text().splitlines()]
    names = [name for name, part in lines if part == "validation"][:each]
    for number, name in enumerate(names):
        skull = read_scan(data / "complete_skull" / f"{name}.nrrd").volume
        implant = read_scan(data / "implant" / f"{name}.nrrd").volume
        array = (skull.array & ~(implant.array > 0)).astype(np.uint8)
        write_volume(Volume(array, skull.geometry), folder / f"1_{number:02}_{name}.nrrd")
        source = data / "complete_skull" / f"{name}.nrrd"
        words = ["--family", FAMILIES[number % len(FAMILIES)], "--seed", str(number)]
        aside = folder.parent / "simulated"
        command = [*COMMAND, "simulate", "defect", source, "-o", aside, *words]
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
        made = next(aside.glob(f"{name}*_defective.nrrd"))
        made.rename(folder / f"3_{number:02}_{name}.nrrd")
    for number, path in enumerate(sorted((data / "unlabelled").glob("*.nrrd"))[:each]):
        (folder / f"2_{number:02}_{path.name}").write_bytes(path.read_bytes())
    return sorted(folder.glob("*.nrrd"))


def single(case: Path, out: Path) -> float:
    """Complete one case alone; seconds of the whole command."""
    start = time.perf_counter()
    subprocess.run([*COMMAND, "complete", case, "-o", out, "-q"], check=True, capture_output=True)
    return time.perf_counter() - start


def compare(single_runs: Path, out: Path) -> None:
    """Say which files differ."""
    files = sorted(path.name for path in single_runs.iterdir())
    files = [name for name in files if not name.endswith("_result.json")]  # holds the times
    differ = [n for n in files if (single_runs / n).read_bytes() != (out / n).read_bytes()]
    print(f"{len(files)} files compared, {len(differ)} differ: {', '.join(differ[:9])}")


def memory(out: Path, each: int) -> None:
    """Say how memory went: the last third has the skulls of the first one, in the same order."""
    rows = json.loads((out / "summary.json").read_text())["cases"]
    peaks = [row["peak_memory_bytes"] / 1e6 for row in rows]
    print("peak memory of each case, MB:", " ".join(f"{peak:.0f}" for peak in peaks))
    first, last = peaks[min(4, each - 1) : each], peaks[2 * each + min(4, each - 1) :]
    print(f"same skulls, early {np.mean(first):.0f} MB, late {np.mean(last):.0f} MB")


if __name__ == "__main__":
    main()
