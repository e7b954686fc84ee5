"""Fifty steps of training on one skull: does the loss fall the same way in every engine?

    python tests/benchmarks/training_steps.py SKULL.nrrd [--resolution 256] [--steps 50]
        [--engines cpu reference minkowski] [--control] [--output LOSSES.json]

Table I, the same first weights for all, Adam with AMSGrad at 1e-3, the loss of the paper: the sum
over the decoder's levels of binary cross-entropy. The input is the skull without its back third
along y, the target the whole skull, and the decoder keeps what its classifiers keep as well as the
target, as in training. Prints the largest distance of the losses from those of the first engine, as
a share of them.

Losses of a step depend on all steps before, and a voxel whose verdict lies at the threshold may be
kept by one engine and not by another: by default the target's voxels alone are kept, so that the
comparison is of the arithmetic; with --prune the network's own verdicts count. --control trains the
first engine once more from weights moved by 1e-7, the size of a rounding: how far that leads is how
far any two ways of rounding lead. With --double everything is done in float64, whose roundings are
too small to lead anywhere in fifty steps.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from skullfix.networks.config import CONFIGS, LEVELS
from skullfix.networks.unet import NO_THRESHOLDS, SparseUNet
from skullfix.sparse.backend import get_backend
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.threads import set_threads
from skullfix.sparse.voxels import VoxelSet
from skullfix.tasks.bench_input import write_voxels

MOVED = 1e-7
NEVER = (float("inf"),) * (LEVELS - 1)


def train(
    engine: str,
    target: Tensor,
    steps: int,
    *,
    prune: bool = False,
    moved: float = 0.0,
    dtype: torch.dtype = torch.float32,
) -> list[float]:
    """Train from the same first weights.

    Args:
        engine: One of `skullfix.sparse.backend.BACKENDS`.
        target: (N, 4) int32 rows of the whole skull.
        steps: How many.
        prune: Whether the classifiers' verdicts count.
        moved: By what share of itself each first weight is moved, up or down.
        dtype: Of weights and features.

    Returns:
        The loss of every step.
    """
    torch.manual_seed(0)
    network, backend = SparseUNet(CONFIGS["table1-ch1"]).train().to(dtype), get_backend(engine)
    with torch.no_grad():
        for value in network.parameters():
            value *= 1 + moved * torch.randn_like(value).sign()
    rows = target[target[:, 2] < target[:, 2].max() * 2 / 3]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, amsgrad=True)
    losses = []
    for _ in range(steps):  # new sets at every step, as with new samples
        x = SparseTensor(torch.ones(len(rows), 1, dtype=dtype), VoxelSet(rows.clone(), 1))
        whole, thresholds = VoxelSet(target.clone(), 1), NO_THRESHOLDS if prune else NEVER
        levels = network(x, backend, target=whole, thresholds=thresholds).levels
        parts = [binary_cross_entropy_with_logits(v.logits, v.target.to(dtype)) for v in levels]
        loss = torch.stack(parts).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def voxels_of(skull: Path | None, resolution: int) -> Tensor:
    """(N, 4) int32 rows of a skull, or of a phantom."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        write_voxels(resolution, skull, path)
        return pad(torch.from_numpy(np.load(path).astype(np.int32)), (1, 0))


def apart(losses: list[float], others: list[float]) -> float:
    """Largest distance of two series, as a share of the first."""
    return max(abs(a - b) / abs(a) for a, b in zip(losses, others, strict=True))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("skull", type=Path, nargs="?", help="a mask; by default a phantom")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--engines", nargs="+", default=["cpu", "reference"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prune", action="store_true")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    set_threads(options.threads)
    target = voxels_of(options.skull, options.resolution)
    print(f"{len(target):,} voxels, {options.steps} steps")
    found: dict[str, list[float]] = {}
    runs = [(name, name, 0.0) for name in options.engines]
    if options.control:
        runs.insert(1, ("control", options.engines[0], MOVED))
    for name, engine, moved in runs:
        start = time.process_time()
        dtype = torch.float64 if options.double else torch.float32
        found[name] = train(
            engine, target, options.steps, prune=options.prune, moved=moved, dtype=dtype
        )
        taken = (time.process_time() - start) / options.steps
        far = [apart([a], [b]) for a, b in zip(found[options.engines[0]], found[name], strict=True)]
        print(
            f"{name}: loss {found[name][0]:.5f} to {found[name][-1]:.5f}, {taken:.2f} s of the "
            f"processor a step, at most {max(far):.1e} from {options.engines[0]} (median "
            f"{median(far):.1e})",
            flush=True,
        )
        if options.output:
            options.output.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
