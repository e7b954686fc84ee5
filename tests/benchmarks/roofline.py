"""Roofline: how near each layer of Table I comes to what this machine can do.

    python tests/benchmarks/roofline.py SKULL.nrrd [--resolutions 256 512] [--channels ch1]

For every layer of the forward pass, as in inference: the operations that its mathematics needs (two
for each voxel that a voxel sees, each input and each output channel), the least bytes that must
move (inputs, coordinates, bitmaps and weights read once, results written once), and its time.
The ceilings are measured before and after: arithmetic in registers with the engine's own vectors,
and a triad over arrays far larger than the caches. A layer cannot take less than the longer of
operations / arithmetic and bytes / bandwidth; `reached` is that time through the measured one.
`done` counts the operations that the engine does beside the needed ones: zeros for the neighbours
that one row of eight lacks, and lanes without a channel. `look-up` is the time of the same layer
with one channel in and out, where finding the neighbours is nearly all.

Time is the processor's (`time.process_time`) on one thread, the shortest of the runs, so that the
table holds on a machine that does other work too; what shares the core's other hardware thread
slows ceilings and layers alike.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from roofline_ceilings import Ceilings, ceilings, processor_seconds
from torch import Tensor

from skullfix.networks.config import CONFIGS, LEVELS
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import get_backend
from skullfix.sparse.cpu.convolve import lanes_for
from skullfix.sparse.cpu.sets import bitmap_of
from skullfix.sparse.cpu.table import GROUP
from skullfix.sparse.relation import Relation
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.threads import set_threads
from skullfix.sparse.voxels import VoxelSet
from skullfix.tasks.bench_input import write_voxels

NEVER = (float("inf"),) * (LEVELS - 1)
SETS = ("index", "downsample", "generate", "join", "find")


@dataclass
class Layer:
    """What one layer needs and what it took."""

    name: str
    voxels: int
    needed: float = 0  # operations
    done: float = 0
    least: float = 0  # bytes
    lookup: float = 0  # seconds
    seconds: list[float] = field(default_factory=list)


class Counting:
    """A backend that counts what each call of the `cpu` engine needs."""

    name = "counting"

    def __init__(self, names: list[str]) -> None:
        self.engine, self.names, self.layers = get_backend("cpu"), iter(names), list[Layer]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def fused(
        self,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        source: VoxelSet,
        target: VoxelSet,
        relation: Relation,
        *,
        added: SparseTensor | None = None,
        heads: Tensor | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """See `Backend.fused`."""
        taps, c_in, c_out = weight.shape
        lanes = lanes_for(c_out)
        layer = Layer(next(self.names), len(target))
        seen, grouped = _pairs(source, target, relation, self.engine.convolve)
        layer.needed = 2.0 * seen * c_in * c_out
        layer.done = 2.0 * grouped * c_in * -(-c_out // lanes) * lanes
        layer.least = 4.0 * (len(source) * c_in + len(target) * 4 + weight.numel())
        layer.least += 4.0 * len(target) * c_out * keep + _bitmap_bytes(source)
        if heads is not None:
            layer.needed += 2.0 * len(target) * heads.numel()
            layer.least += 4.0 * len(target) * len(heads)
        if added is not None:
            layer.least += 4.0 * added.features.numel() + _bitmap_bytes(added.voxels)
        one, thin = torch.ones(len(source), 1), torch.ones(taps, 1, 1)
        layer.lookup = processor_seconds(
            lambda: self.engine.convolve(one, thin, source, target, relation), 2
        )
        self.layers.append(layer)
        return self.engine.fused(
            features, weight, bias, source, target, relation, added=added, heads=heads, keep=keep
        )


class Timing:
    """A backend that notes how long each call of the `cpu` engine takes."""

    name = "timing"

    def __init__(self) -> None:
        self.engine, self.fused_seconds = get_backend("cpu"), list[float]()
        self.set_seconds = dict.fromkeys(SETS, 0.0)

    def fused(self, *arguments: Any, **options: Any) -> Any:
        """See `Backend.fused`."""
        start = time.process_time()
        bitmap_of(arguments[3])  # of the source: built at first use
        ready = time.process_time()
        result = self.engine.fused(*arguments, **options)
        self.fused_seconds.append(time.process_time() - ready)
        self.set_seconds["index"] += ready - start
        return result

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.engine, name)

        def timed(*arguments: Any) -> Any:
            start = time.process_time()
            result = call(*arguments)
            self.set_seconds[name] += time.process_time() - start
            return result

        return timed


def _pairs(
    source: VoxelSet, target: VoxelSet, relation: Relation, convolve: Any
) -> tuple[float, float]:
    """Count the voxels seen, and those that groups of rows sharing their registers go through."""
    seen = grouped = 0.0
    for first in range(0, relation.taps, 32):  # a sum of powers of two names the taps seen
        weight = torch.zeros(relation.taps, 1, 1, dtype=torch.float64)
        part = weight[first : first + 32]
        part[:, 0, 0] = 2.0 ** torch.arange(len(part))
        bits = convolve(
            torch.ones(len(source), 1, dtype=torch.float64), weight, source, target, relation
        )
        rows = bits[:, 0].numpy().astype(np.uint64)
        seen += float(np.bitwise_count(rows).sum())
        rows = np.pad(rows, (0, -len(rows) % GROUP)).reshape(-1, GROUP)
        grouped += GROUP * float(np.bitwise_count(np.bitwise_or.reduce(rows, 1)).sum())
    return seen, grouped


def _bitmap_bytes(voxels: VoxelSet) -> float:
    index = bitmap_of(voxels)
    return float(index.words.nbytes + index.prefix.nbytes)


def layer_names() -> list[str]:
    """Layers in the order in which inference runs them; s1 is the finest level, as in the paper."""
    strides = [1 << level for level in range(LEVELS)]
    names = ["enc s1"]
    for stride in strides[1:]:
        names += [f"down s{stride}", f"enc s{stride}"]
    for stride in reversed(strides[:-1]):
        names += [f"up s{stride}", f"dec s{stride}"]
    return names


def measure(rows: Tensor, config: str, runs: int) -> tuple[list[Layer], dict[str, float], float]:
    """Count once and time some runs; gives the layers, the sets' seconds and the whole's."""
    torch.manual_seed(0)
    network = SparseUNet(CONFIGS[config]).eval()

    def forward(backend: Any) -> None:
        x = SparseTensor(torch.ones(len(rows), 1), VoxelSet(rows.clone(), 1))
        target = VoxelSet(rows.clone(), 1)
        with torch.inference_mode():
            network(x, backend, target=target, thresholds=NEVER)

    counting = Counting(layer_names())
    forward(counting)
    whole, sets = [], dict.fromkeys(SETS, float("inf"))
    for _ in range(runs):
        timing = Timing()
        whole.append(processor_seconds(lambda t=timing: forward(t), 1))  # type: ignore[misc]
        for layer, seconds in zip(counting.layers, timing.fused_seconds, strict=True):
            layer.seconds.append(seconds)
        for name, seconds in timing.set_seconds.items():
            sets[name] = min(sets[name], seconds)
    return counting.layers, sets, min(whole)


def report(layers: list[Layer], sets: dict[str, float], whole: float, limits: Ceilings) -> str:
    """Write the table of one grid as Markdown."""
    lines = [
        "| layer | voxels | GFLOP | done GFLOP | MB | FLOP/byte | s | GFLOP/s | GB/s | bound by"
        " | reached % | look-up % |",
        "|" + "---|" * 12,
    ]
    total = Layer("all layers", 0, lookup=sum(x.lookup for x in layers))
    floor, peak, rate = 0.0, limits.arithmetic, limits.memory
    for layer in layers:
        seconds = min(layer.seconds)
        least = max(layer.needed / peak, layer.least / rate)
        floor += least
        bound = "arithmetic" if layer.needed / peak > layer.least / rate else "memory"
        lines.append(_line(layer, seconds, bound, least))
        total.needed, total.done = total.needed + layer.needed, total.done + layer.done
        total.least += layer.least
    seconds = sum(min(layer.seconds) for layer in layers)
    lines.append(_line(total, seconds, "", floor))
    lines.append("")
    told = ", ".join(f"{name} {taken:.3f} s" for name, taken in sets.items())
    rest = whole - seconds - sum(sets.values())
    lines.append(f"Whole forward pass {whole:.3f} s: layers {seconds:.3f}, {told}, rest {rest:.3f}")
    return "\n".join(lines)


def _line(layer: Layer, seconds: float, bound: str, least: float) -> str:
    values = [
        layer.name, f"{layer.voxels:,}" if layer.voxels else "", f"{layer.needed / 1e9:.2f}",
        f"{layer.done / 1e9:.2f}", f"{layer.least / 1e6:.1f}", f"{layer.needed / layer.least:.1f}",
        f"{seconds:.4f}", f"{layer.needed / seconds / 1e9:.1f}",
        f"{layer.least / seconds / 1e9:.2f}", bound, f"{100 * least / seconds:.0f}",
        f"{100 * layer.lookup / seconds:.0f}",
    ]  # fmt: skip
    return "| " + " | ".join(values) + " |"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("skull", type=Path, nargs="?", help="a mask; by default a phantom")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--channels", choices=("ch1", "ch2"), default="ch1")
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    most = int(numba.config.NUMBA_NUM_THREADS)
    for threads in sorted({1, min(2, most)}):
        own, wall = ceilings(threads)
        print(f"{threads} thread(s): {own} of processor time; {wall} by the clock", flush=True)
    for resolution in options.resolutions:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.npy"
            count = write_voxels(resolution, options.skull, path)
            rows = torch.nn.functional.pad(torch.from_numpy(np.load(path).astype(np.int32)), (1, 0))
        set_threads(1)
        before, _ = ceilings(1)
        layers, sets, whole = measure(rows, f"table1-{options.channels}", options.runs)
        limits = before.or_better(ceilings(1)[0])
        print(f"\n{resolution}: {count:,} voxels; ceilings {limits}\n")
        print(report(layers, sets, whole, limits), flush=True)


if __name__ == "__main__":
    main()
