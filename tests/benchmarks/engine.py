"""Speed and memory of the engine: Table I (ch1), inference, on a real skull at several spacings.

    python tests/benchmarks/engine.py SKULL.nrrd [--engines cpu dense] [--spacings 1.8 0.9]

Each engine and spacing runs in a process of its own, so that the peak memory (imports included) is
true. The decoder keeps exactly the skull's voxels, so every engine does the same work; the voxel
set is new at every run. Weights are random: they do not change the time. Medians of three runs
after one to warm up. ``dense`` is the dense twin in torch's channels-last layout.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 3


def one(skull: Path, engine: str, spacing: float, threads: int) -> dict[str, object]:
    """Time one engine at one spacing, in this process."""
    import torch

    from skullfix.images.box import bounding_box, crop
    from skullfix.images.mask import as_mask
    from skullfix.images.read import read_scan
    from skullfix.images.resample import block_average, sample_onto, world_bounds, world_grid
    from skullfix.networks.config import CONFIGS
    from skullfix.networks.dense import DenseUNet
    from skullfix.networks.unet import SparseUNet
    from skullfix.sparse.backend import get_backend
    from skullfix.sparse.tensor import SparseTensor
    from skullfix.sparse.threads import set_threads
    from skullfix.sparse.voxels import VoxelSet

    set_threads(threads)
    mask, _ = as_mask(read_scan(skull).volume)
    box = bounding_box(mask.array)
    assert box is not None
    coarse = block_average(crop(mask, *box), spacing)
    grid = world_grid(*world_bounds(coarse.geometry), spacing)
    occupied = torch.from_numpy(sample_onto(coarse, grid).array > 127)
    del mask, coarse
    rows = torch.nn.functional.pad(occupied.nonzero().to(torch.int32), (1, 0))
    config = CONFIGS["table1-ch1"]
    seconds = []
    torch.manual_seed(0)
    with torch.inference_mode():
        if engine == "dense":
            dense = DenseUNet(config).eval().to(memory_format=torch.channels_last_3d)
            for _ in range(RUNS + 1):
                x = occupied[None, None].float().to(memory_format=torch.channels_last_3d)
                start = time.perf_counter()
                dense(x)
                seconds.append(time.perf_counter() - start)
        else:
            network, backend = SparseUNet(config).eval(), get_backend(engine)
            never = (float("inf"),) * 6
            for _ in range(RUNS + 1):
                voxels, target = VoxelSet(rows.clone(), 1), VoxelSet(rows.clone(), 1)
                x = SparseTensor(torch.ones(len(rows), 1), voxels)
                start = time.perf_counter()
                network(x, backend, target=target, thresholds=never)
                seconds.append(time.perf_counter() - start)
    return {
        "engine": engine,
        "spacing_mm": spacing,
        "grid": list(occupied.shape),
        "voxels": len(rows),
        "threads": threads,
        "seconds": [round(s, 4) for s in seconds[1:]],
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    """Run all engines, print JSON rows and a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("skull", type=Path)
    parser.add_argument("--engines", nargs="*", default=["cpu", "reference", "dense"])
    parser.add_argument("--spacings", nargs="*", type=float, default=[3.6, 1.8, 0.9])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        row = one(options.skull, options.engines[0], options.spacings[0], options.threads)
        print(json.dumps(row))
        return
    lines = ["| engine | spacing mm | voxels | seconds | peak MB |", "|---|---|---|---|---|"]
    for spacing in options.spacings:
        for engine in options.engines:
            command = [sys.executable, __file__, str(options.skull), "--one", "--engines", engine]
            command += ["--spacings", str(spacing), "--threads", str(options.threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                lines.append(f"| {engine} | {spacing} | - | failed | - |")
                print(done.stderr[-500:], file=sys.stderr)
                continue
            print(done.stdout.strip(), flush=True)
            row = json.loads(done.stdout)
            lines.append(
                f"| {engine} | {spacing} | {row['voxels']:,} | "
                f"{statistics.median(row['seconds']):.2f} | {row['peak_rss_bytes'] / 1e6:.0f} |"
            )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
