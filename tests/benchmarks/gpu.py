"""The `cuda` engine on a GPU: parity with the reference there, times and memory, as JSON rows.

    python tests/benchmarks/gpu.py [--resolutions 256 512] [--engines cuda cuda-bf16 reference]

One call does all, with what torch and Triton need and nothing else of the project's dependencies
but NumPy. First a "parity" row for each engine: the largest relative error (norms) of Table I's
answer and gradients against the reference in float32 on the same device, and whether two runs gave
the same bytes. Then a "speed" row for each engine, resolution and phase on a generated skull:
milliseconds of each run after the first, a new voxel set at every run, and the most memory that
torch held. `--profile` adds the kernels that took longest.

`--interpret` goes the same way without a GPU, in Triton's interpreter, over a handful of voxels:
it shows that the script works; its times mean nothing. `--skull FILE.npy` takes (N, 3) sorted
indices (z, y, x) at 512 instead of the generated skull.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, pad

NEVER = (float("inf"),) * 6  # no voxel but the target's is kept
ENGINES = ("cuda", "cuda-bf16", "cuda-fp16", "reference")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolutions", nargs="*", type=int, default=[128, 256, 512])
    parser.add_argument("--engines", nargs="*", default=list(ENGINES))
    parser.add_argument("--config", default="table1-ch1")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--skull", type=Path)
    parser.add_argument("--interpret", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.interpret:
        os.environ["TRITON_INTERPRET"] = "1"  # before anything imports Triton
    elif not torch.cuda.is_available():
        sys.exit("no CUDA device: see --interpret")
    device = "cpu" if options.interpret else "cuda"
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    _say(_machine(device))
    few = _handful() if options.interpret else _skull(64, options.skull)
    for name in options.engines:
        _say(_parity(name, options.config, few.to(device)))
    for resolution in [0] if options.interpret else options.resolutions:
        rows = few if options.interpret else _skull(resolution, options.skull)
        for name in options.engines:
            for phase in ("forward", "train"):
                _say(_speed(name, resolution, phase, rows.to(device), options))


def _say(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


def _machine(device: str) -> dict[str, Any]:
    """Tell what this runs on, and its own speed of copying, bytes read and written."""
    import triton

    found = {"row": "machine", "torch": torch.__version__, "triton": triton.__version__}
    if device == "cpu":
        return {**found, "device": "Triton's interpreter"}
    block = torch.empty(1 << 30, dtype=torch.uint8, device=device)
    seconds = min(_timed(block.clone) for _ in range(5))
    return {**found, "device": torch.cuda.get_device_name(), "copy_GB_s": 2**31 / seconds / 1e9}


def _handful() -> Tensor:
    return torch.tensor([(0, 5, 6, x) for x in (30, 31, 32, 33)], dtype=torch.int32)


def _skull(resolution: int, path: Path | None) -> Tensor:
    """Give the voxels of a skull, (N, 4) int32, sorted."""
    if path is not None:
        cells = torch.from_numpy(np.load(path).astype(np.int64)) // (512 // resolution)
        rows = torch.unique(cells, dim=0)
    else:
        from skullfix.tasks.bench_input import write_voxels

        with tempfile.TemporaryDirectory() as folder:
            write_voxels(resolution, None, Path(folder) / "rows.npy")
            rows = torch.from_numpy(np.load(Path(folder) / "rows.npy"))
    return pad(rows.to(torch.int32), (1, 0))


def _engine(name: str) -> Any:
    if name == "reference":
        from skullfix.sparse.reference.engine import ReferenceBackend

        return ReferenceBackend()
    from skullfix.sparse.cuda.engine import CudaBackend

    return CudaBackend(name)


def _network(config: str, device: torch.device, *, train: bool) -> Any:
    """Make the network with weights of a seed, the same on every device."""
    from skullfix.networks.config import CONFIGS
    from skullfix.networks.unet import SparseUNet

    torch.manual_seed(0)
    return SparseUNet(CONFIGS[config]).train(train).to(device)


def _run(network: Any, engine: Any, rows: Tensor) -> list[Tensor]:
    """Go forward, and in training backward: the answer, and the gradients."""
    from skullfix.sparse.tensor import SparseTensor
    from skullfix.sparse.voxels import VoxelSet

    channels = network.config.in_channels
    x = SparseTensor(torch.ones(len(rows), channels, device=rows.device), VoxelSet(rows, 1))
    target = VoxelSet(rows.clone(), 1)
    if not network.training:
        with torch.inference_mode():
            return [network(x, engine, target=target, thresholds=NEVER).final.features]
    out = network(x, engine, target=target, thresholds=NEVER)
    losses = [out.final.features.square().mean()]
    losses += [binary_cross_entropy_with_logits(v.logits, v.target.float()) for v in out.levels]
    network.zero_grad(set_to_none=True)
    torch.stack(losses).sum().backward()
    return [out.final.features.detach(), *[p.grad for p in network.parameters()]]


def _parity(name: str, config: str, rows: Tensor) -> dict[str, Any]:
    """Compare an engine with the reference, and with itself."""
    found: dict[str, Any] = {"row": "parity", "engine": name, "voxels": len(rows)}
    for phase in ("forward", "train"):
        network = _network(config, rows.device, train=phase == "train")
        expected = _run(network, _engine("reference"), rows)
        results = []
        for _ in range(2):
            network = _network(config, rows.device, train=phase == "train")
            results.append(_run(network, _engine(name), rows))
        errors = [
            float((a - b).norm() / b.norm().clamp(min=1e-12))
            for a, b in zip(results[0], expected, strict=True)
        ]
        found[phase] = errors[0]
        if phase == "train":
            found["gradients"] = max(errors[1:])
        found[f"{phase}_same_bytes"] = all(map(torch.equal, *results))
    return found


def _timed(work: Callable[[], Any]) -> float:
    """Seconds that some work takes, on the device too."""
    synchronise = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    synchronise()
    start = time.perf_counter()
    work()
    synchronise()
    return time.perf_counter() - start


def _speed(name: str, resolution: int, phase: str, rows: Tensor, options: Any) -> dict[str, Any]:
    """Measure one engine at one resolution."""
    found = {"row": "speed", "engine": name, "resolution": resolution, "phase": phase}
    network = _network(options.config, rows.device, train=phase == "train")
    engine, on_gpu = _engine(name), rows.is_cuda
    try:
        first = _timed(lambda: _run(network, engine, rows.clone()))
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        runs = 1 if options.interpret else options.runs
        times = [_timed(lambda: _run(network, engine, rows.clone())) for _ in range(runs)]
    except torch.OutOfMemoryError as error:
        return {**found, "error": str(error).splitlines()[0]}
    found |= {
        "voxels": len(rows),
        "first_ms": round(1e3 * first, 1),
        "ms": [round(1e3 * seconds, 2) for seconds in times],
        "median_ms": round(1e3 * float(np.median(times)), 2),
        "peak_gpu_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
    }
    if options.profile and on_gpu:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            _timed(lambda: _run(network, engine, rows.clone()))
        events = sorted(profile.key_averages(), key=lambda e: -e.self_device_time_total)[:12]
        found["kernels_ms"] = {
            event.key[:60]: [round(event.self_device_time_total / 1e3, 3), event.count]
            for event in events
        }
    return found


if __name__ == "__main__":
    main()
