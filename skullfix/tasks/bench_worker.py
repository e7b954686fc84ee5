"""One engine at one resolution, in a process of its own: ``python -m skullfix.tasks.bench_worker``.

Argument: a `Job` as JSON. Prints one line of JSON. Only what the engine needs is imported, so the
process's peak memory is the engine's: imports, weights, voxels and all.

Table I (ch1 or ch2). The decoder keeps exactly the skull's voxels, so every engine does the same
work; weights are random, which changes no time; the voxel set is new at every run.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from skullfix.networks.config import CONFIGS, NetworkConfig
from skullfix.sparse.cuda.available import CUDA_ENGINES
from skullfix.sparse.threads import set_threads

NEVER = (float("inf"),) * 6  # no voxel but the target's is kept

Run = Callable[[Tensor], Any]


@dataclass(frozen=True)
class Job:
    """What a worker does: see `skullfix.tasks.bench`."""

    voxels: str
    engine: str
    phase: str
    config: str
    threads: int
    runs: int


def main() -> None:
    """Do the job of the first argument."""
    job = Job(**json.loads(sys.argv[1]))
    threads = set_threads(job.threads)
    rows = pad(torch.from_numpy(np.load(Path(job.voxels)).astype(np.int32)), (1, 0))
    torch.manual_seed(0)
    run = RUNNERS[job.engine](CONFIGS[job.config], job)
    on_gpu = job.engine in CUDA_ENGINES
    seconds, cpu_seconds = [], []
    for _ in range(job.runs + 1):
        fresh = rows.cuda() if on_gpu else rows.clone()
        start, start_cpu = time.perf_counter(), time.process_time()
        run(fresh)
        if on_gpu:
            torch.cuda.synchronize()
        seconds.append(round(time.perf_counter() - start, 5))
        cpu_seconds.append(round(time.process_time() - start_cpu, 5))
    peak = {"peak_rss_bytes": _peak_bytes()}
    if on_gpu:
        peak = {"peak_gpu_bytes": torch.cuda.max_memory_allocated()}
    times = {"seconds": seconds[1:], "cpu_seconds": cpu_seconds[1:], "first_seconds": seconds[0]}
    print(json.dumps({"threads": threads, **times, **peak}))


def _peak_bytes() -> int:
    """Largest resident size of this program.

    On Linux getrusage also counts what the parent was before it became this program.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import psutil

    memory = psutil.Process().memory_info()
    if sys.platform == "win32":
        return int(memory.peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _sparse(config: NetworkConfig, job: Job) -> Run:
    """Our network on one of our engines."""
    from skullfix.networks.unet import SparseUNet
    from skullfix.sparse.backend import get_backend
    from skullfix.sparse.tensor import SparseTensor
    from skullfix.sparse.voxels import VoxelSet

    device = "cuda" if job.engine in CUDA_ENGINES else "cpu"
    network, backend = SparseUNet(config).to(device), get_backend(job.engine, device)
    network.train(job.phase == "train")

    def run(rows: Tensor) -> None:
        x = SparseTensor(torch.ones(len(rows), 1, device=rows.device), VoxelSet(rows, 1))
        target = VoxelSet(rows.clone(), 1)
        if job.phase == "forward":
            with torch.inference_mode():
                network(x, backend, target=target, thresholds=NEVER)
            return
        out = network(x, backend, target=target, thresholds=NEVER)
        losses = [out.final.features.square().mean()]
        for level in out.levels:
            losses.append(binary_cross_entropy_with_logits(level.logits, level.target.float()))
        torch.stack(losses).sum().backward()

    return run


def _dense(config: NetworkConfig, job: Job) -> Run:
    """Make the dense twin, as torch does it best: channels last."""
    from skullfix.networks.dense import DenseUNet

    network = DenseUNet(config).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    network.train(job.phase == "train")

    def run(rows: Tensor) -> None:
        z, y, x = rows[:, 1:].long().unbind(1)
        grid = torch.zeros([1, 1, *(rows[:, 1:].amax(0) + 1).tolist()])
        grid[0, 0, z, y, x] = 1
        grid = grid.to(memory_format=torch.channels_last_3d)
        if job.phase == "forward":
            with torch.inference_mode():
                network(grid)
        else:
            network(grid).logits.square().mean().backward()

    return run


def _spconv(config: NetworkConfig, job: Job) -> Run:
    from skullfix.networks.peers.spconv_unet import SpconvUNet

    return _peer(SpconvUNet(config), job)


def _minkowski(config: NetworkConfig, job: Job) -> Run:
    from skullfix.networks.peers.minkowski_unet import MinkowskiUNet

    return _peer(MinkowskiUNet(config), job)


def _peer(network: Any, job: Job) -> Run:
    """Another engine's network: called with (rows, features, rows of the target)."""
    network.train(job.phase == "train")

    def run(rows: Tensor) -> None:
        features = torch.ones(len(rows), 1)
        if job.phase == "forward":
            with torch.inference_mode():
                network(rows, features, rows)
            return
        final, levels = network(rows, features, rows)
        losses = [final.square().mean()]
        losses += [binary_cross_entropy_with_logits(v, t.float()) for v, t in levels]
        torch.stack(losses).sum().backward()

    return run


RUNNERS: dict[str, Callable[[NetworkConfig, Job], Run]] = {
    "cpu": _sparse,
    "reference": _sparse,
    **dict.fromkeys(CUDA_ENGINES, _sparse),
    "dense": _dense,
    "spconv": _spconv,
    "minkowski": _minkowski,
}

if __name__ == "__main__":
    main()
