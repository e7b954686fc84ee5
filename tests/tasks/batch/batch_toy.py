"""A task that is small enough to be killed often: it multiplies a volume.

As a program it runs a batch of itself: ``python batch_toy.py SOURCE OUT DELAY [SCHEDULER]``; with
``--preload batch_toy`` a Dask worker knows it too.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from skullfix.cli.batch_progress import BatchProgress
from skullfix.cli.interrupts import two_interrupts
from skullfix.files.outputs import plan_outputs, staged
from skullfix.images.read import read_scan
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume
from skullfix.tasks.batch.cluster import ClusterSettings
from skullfix.tasks.batch.registry import TASKS, BatchTask, Loaded
from skullfix.tasks.batch.run import BatchSettings, batch
from skullfix.tasks.document import Stopwatch, write_document

AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
MARK = "computing"  # a file that appears beside the input while it is computed


@dataclass(frozen=True)
class ToyOptions:
    factor: int = 2
    delay: float = 0.0
    mark: bool = False
    overwrite: bool = False
    model: str | None = None


def output_names(suffix: str, options: ToyOptions) -> dict[str, str]:
    names = {"product": f"_product{suffix}", "result": "_result.json"}
    return names | ({"odd": "_odd.txt"} if options.factor % 2 else {})


def read(source: Path, folder: Path, options: ToyOptions, watch: Stopwatch) -> SimpleNamespace:
    with watch.stage("reading"):
        scan = read_scan(source)
    names = output_names(scan.suffix, options)
    paths = plan_outputs(source, folder, scan.stem, names, overwrite=options.overwrite)
    return SimpleNamespace(scan=scan, paths=paths, options=options, watch=watch, source=source)


def compute(case: SimpleNamespace, model: Any) -> SimpleNamespace:
    with case.watch.stage("network"):
        if case.options.mark:
            (case.source.parent / MARK).write_text(f"{os.getpid()}")
        time.sleep(case.options.delay)
        if "crash" in case.source.name:
            raise ZeroDivisionError("a fault")
        array = case.scan.volume.array * case.options.factor
    document = {"status": "success", "outputs": {}, "warnings": list(case.scan.warnings)}
    document |= {"figures": {"sum": float(array.sum())}}
    volume = Volume(array, case.scan.volume.geometry)
    return SimpleNamespace(volume=volume, document=document)


def write(case: SimpleNamespace, result: SimpleNamespace) -> None:
    with staged(case.paths) as aside:
        write_volume(result.volume, aside["product"])
        if "odd" in aside:
            aside["odd"].write_text("odd")
        result.document["outputs"] = {name: str(path) for name, path in case.paths.items()}
        result.document["seconds"] = case.watch.seconds
        result.document["peak_memory_bytes"] = case.watch.peak_memory_bytes
        write_document(result.document, aside["result"])


def load(options: ToyOptions, progress: object) -> Loaded:
    name = options.model or "toy"
    return Loaded(None, {"name": name, "version": "1", "sha256": name * 8, "licence": "none"})


def refuse_nothing(options: ToyOptions) -> None:
    """All options are good."""


TASKS["toy"] = BatchTask(
    name="toy",
    check=refuse_nothing,
    load=load,
    output_names=output_names,
    read=read,
    compute=compute,
    write=write,
    measures=lambda document: {"sum_ml": document["figures"]["sum"]},
)


def write_cases(folder: Path, names: Iterable[str], size: int = 4) -> None:
    geometry = Geometry((size, size, size), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), AXES)
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        array = rng.integers(0, 99, (size, size, size)).astype(np.int16)
        write_volume(Volume(array, geometry), path)


def products(out: Path) -> dict[str, bytes]:
    """What must be the same bytes on every way to it: all but times, places and dates."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and not path.name.endswith("_result.json")
        and not path.name.startswith(("summary.", "journal.", ".batch.lock"))
    }


if __name__ == "__main__":
    scheduler = sys.argv[4] if len(sys.argv) > 4 else None
    with BatchProgress() as progress, two_interrupts(progress.stopping) as stop:
        summary = batch(
            "toy",
            Path(sys.argv[1]),
            Path(sys.argv[2]),
            ToyOptions(delay=float(sys.argv[3]), mark=True),
            BatchSettings(cluster=ClusterSettings(scheduler) if scheduler else None),
            listener=progress,
            stop=stop,
        )
    print(summary["status"], summary["totals"])
