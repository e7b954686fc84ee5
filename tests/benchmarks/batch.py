"""A batch of real cases against the same cases one by one: bytes, time, memory.

    python tests/benchmarks/batch.py autoimplant/ -o work/ [--each 10]

Takes as many unlabelled cases, validation skulls with the challenge's defect, and the same skulls
with simulated defects as --each says. The single runs are made half before, half after the batch,
so that a machine that is busy with other work is about as busy for both; processor time is told
beside the time that passed, because it hardly depends on other work. What was made in an earlier
run of the script is made again, but for the inputs. Exit code 1 where a limit is passed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume

FAMILIES = ("parietotemporal", "fronto-orbital", "bilateral", "occipital", "irregular")
PARTS = ("complete_skull", "implant")  # folders
COMMAND = [sys.executable, "-m", "skullfix"]
LONGEST = 0.7  # of the single runs' time, for the batch
GROWTH = 1.05  # of memory, from the early cases to the late ones
OWN = ("inputs", "outputs", "seconds", "peak_memory_bytes", "memory")  # of each run, not the case
_TIMES = re.compile(rb'\s*<tr><th scope="row">\w+</th><td>[\d.]+ s</td></tr>')


@dataclass(frozen=True)
class Spent:
    """Seconds of a command and all its processes: on the clock, and of processors."""

    clock: float = 0.0
    processor: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.clock + other.clock, self.processor + other.processor)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder in the AutoImplant layout")
    parser.add_argument("-o", "--work", type=Path, required=True, help="folder to work in")
    parser.add_argument("--each", type=int, default=10, help="cases of each of the three kinds")
    options = parser.parse_args()
    cases = gather(options.data, options.work / "in", options.each)
    alone, out = options.work / "single", options.work / "batch"
    for folder in (alone, out):
        shutil.rmtree(folder, ignore_errors=True)
    half = len(cases) // 2
    singles = sum((spend("complete", case, "-o", alone) for case in cases[:half]), Spent())
    together = spend("batch", "complete", options.work / "in", "-o", out)
    singles += sum((spend("complete", case, "-o", alone) for case in cases[half:]), Spent())
    share = together.clock / singles.clock
    print(f"{len(cases)} cases, load {os.getloadavg()[0]:.1f}")
    print(f"clock: singles {singles.clock:.0f} s, batch {together.clock:.0f} s, {share:.2f}")
    print(
        f"processor: singles {singles.processor:.0f} s, batch {together.processor:.0f} s, "
        f"{together.processor / singles.processor:.2f}"
    )
    good = (share <= LONGEST, same_files(alone, out), flat(out, options.each))
    print(f"time, bytes, memory: {', '.join('good' if each else 'NOT GOOD' for each in good)}")
    return 0 if all(good) else 1


def gather(data: Path, folder: Path, each: int) -> list[Path]:
    """Write the cases; their names give the order: the same skulls come first and last."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line.split() for line in (data / "split.txt").read_text().splitlines()]
    names = [name for name, part in lines if part == "validation"][:each]
    wanted = []
    for number, name in enumerate(names):
        first, last = (folder / f"{part}_{number:02}_{name}.nrrd" for part in (1, 3))
        wanted += [first, last]
        source = data / "complete_skull" / f"{name}.nrrd"
        if not first.exists():
            skull, implant = (read_scan(data / f / f"{name}.nrrd").volume for f in PARTS)
            array = (skull.array & ~(implant.array > 0)).astype(np.uint8)
            write_volume(Volume(array, skull.geometry), first)
        if not last.exists():
            words = ["--family", FAMILIES[number % len(FAMILIES)], "--seed", str(number)]
            aside = folder.parent / "simulated"
            spend("simulate", "defect", source, "-o", aside, *words, "--overwrite")
            next(aside.glob(f"{name}*_defective.nrrd")).rename(last)
    for number, path in enumerate(sorted((data / "unlabelled").glob("*.nrrd"))[:each]):
        wanted.append(folder / f"2_{number:02}_{path.name}")
        wanted[-1].write_bytes(path.read_bytes())
    for path in set(folder.iterdir()) - set(wanted):
        path.unlink()  # of a run with more cases
    return sorted(wanted)


def spend(*words: object) -> Spent:
    """Run a command of skullfix; what it took."""
    start, before = time.perf_counter(), os.times()
    command = [*COMMAND, *map(str, words), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return Spent(time.perf_counter() - start, used)


def same_files(alone: Path, out: Path, skip: tuple[str, ...] = ()) -> bool:
    """Compare every file of a folder with that of another, and say which differ.

    Args:
        alone: The folder of the files.
        out: The other one.
        skip: Beginnings of names that do not count.
    """
    names = sorted(path.name for path in alone.iterdir() if not path.name.startswith(skip))
    differ = [name for name in names if lasting(alone / name) != lasting(out / name)]
    print(f"{len(names)} files compared, {len(differ)} differ: {', '.join(differ[:9])}")
    return bool(names) and not differ


def lasting(path: Path) -> Any:
    """Give what a file holds beside times, memory and places."""
    if path.name.endswith("_result.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        return {key: value for key, value in document.items() if key not in OWN}
    data = path.read_bytes()
    return _TIMES.sub(b"", data) if path.suffix == ".html" else data


def flat(out: Path, each: int) -> bool:
    """Say how memory went: the last third has the skulls of the first one, in the same order."""
    rows = json.loads((out / "summary.json").read_text(encoding="utf-8"))["cases"]
    peaks = [row["peak_memory_bytes"] / 1e6 for row in rows]
    print("peak memory of each case, MB:", " ".join(f"{peak:.0f}" for peak in peaks))
    start = min(4, each - 1)
    early, late = np.mean(peaks[start:each]), np.mean(peaks[2 * each + start :])
    print(f"same skulls, early {early:.0f} MB, late {late:.0f} MB, {late / early:.3f}")
    return bool(late <= GROWTH * early)


if __name__ == "__main__":
    sys.exit(main())
