"""Fitting over real skulls: every solid checked, its gap against the request, time and memory.

    python tests/benchmarks/fit.py DATA [--cases 000 001] [--output ROWS.jsonl]

DATA is a folder in the AutoImplant layout. For every skull the true implant is fitted into its
hole by the command itself, ``skullfix mesh implant/NNN.nrrd --bone complete_skull/NNN.nrrd``, once
with the defaults and once with every step. The STL is read back by another library (trimesh). Peak
memory and processor time are the operating system's for the whole process, imports and reading
included. With --output one JSON row a run is appended; runs already there are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

SETS = {
    "defaults": [],
    "everything": [
        "--smooth", "0.7", "--min-thickness", "4", "--thicken", "--edge", "bevel",
        "--holes", "2@10", "--fix-undercuts", "--decimate", "0.05",
    ],
}  # fmt: skip


def run(data: Path, case: str, name: str) -> dict[str, Any]:
    """Fit one implant in a process of its own and check what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "skullfix", "mesh", str(data / "implant" / f"{case}.nrrd"),
            "--bone", str(data / "complete_skull" / f"{case}.nrrd"), "-o", folder, "--json", "-q",
            *SETS[name],
        ]  # fmt: skip
        start = time.perf_counter()
        with (Path(folder) / "out").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        row: dict[str, Any] = {
            "case": case,
            "options": name,
            "exit": process.returncode,
            "wall_s": round(time.perf_counter() - start, 2),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
            "peak_mb": usage.ru_maxrss // 1024,
            "load": round(os.getloadavg()[0], 1),
        }
        document = json.loads((Path(folder) / "out").read_text())
        if process.returncode:
            return row | {"error": document["error"]["message"]}
        solid = trimesh.load(Path(folder) / f"{case}.stl")
        solid.merge_vertices()
        told = document["implant"]
        piece = told["pieces"][0]
        row |= {
            "watertight": bool(solid.is_watertight and solid.is_winding_consistent),
            "volume_error": abs(solid.volume / 1000 / told["fitted_mask_volume_ml"] - 1),
            "voxel_mm": max(document["geometry"]["spacing"]),
            "requested_mm": told["fit"]["clearance_mm"],
            "seconds": document["seconds"],
        }
        keys = (
            "gap_mean", "gap_p95", "penetration", "thickness_p5", "undercut_ml", "rim_length",
            "holes",
        )  # fmt: skip
        return (
            row
            | {key: piece[key] for key in keys}
            | {key: told[key] for key in ("mask_volume_ml", "volume_ml", "triangles", "components")}
        )


def table(rows: list[dict[str, Any]]) -> str:
    """Summarise as Markdown, one line a set of options."""
    lines = [
        "| options | cases | solids that pass | gap within a voxel | largest error of the gap mm"
        " | largest error of the volume % | processor s, median | largest | peak MB, largest |",
        "|" + "---|" * 9,
    ]
    for name in SETS:
        part = [r for r in rows if r["options"] == name]
        good = [r for r in part if not r["exit"]]
        if not good:
            continue
        off = [abs(r["gap_mean"] - r["requested_mm"]) for r in good]
        near = sum(o <= r["voxel_mm"] for o, r in zip(off, good, strict=True))
        cpu = [r["cpu_s"] for r in part]
        lines.append(
            f"| {name} | {len(part)} | {sum(r['watertight'] for r in good)} | {near}"
            f" | {max(off):.2f} | {100 * max(r['volume_error'] for r in good):.2f}"
            f" | {np.median(cpu):.1f} | {max(cpu):.1f} | {max(r['peak_mb'] for r in part)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--options", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args()
    cases = chosen.cases or sorted(p.stem for p in (chosen.data / "implant").glob("*.nrrd"))
    rows: list[dict[str, Any]] = []
    if chosen.output and chosen.output.exists():
        rows = [json.loads(line) for line in chosen.output.read_text().splitlines()]
    done = {(r["case"], r["options"]) for r in rows}
    for case in cases:
        for name in chosen.options:
            if (case, name) in done:
                continue
            rows.append(run(chosen.data, case, name))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            if chosen.output:
                with chosen.output.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
