"""Speed and memory of the engine and its peers on the network of Table I."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from skullfix.errors import UsageError
from skullfix.sparse.cuda.available import CUDA_ENGINES, missing
from skullfix.tasks.bench_input import write_voxels
from skullfix.tasks.document import Progress

RESOLUTIONS = (64, 128, 256, 512)
ENGINES = ("cpu", "reference", "dense", "minkowski", "spconv", *CUDA_ENGINES)
PHASES = ("forward", "train")
_PACKAGES = {"cpu": "numba", "minkowski": "MinkowskiEngine", "spconv": "spconv"}


@dataclass(frozen=True)
class Row:
    """One engine at one resolution.

    Attributes:
        engine: One of ENGINES.
        resolution: 64, 128, 256, 512: the paper's names for 3.6, 1.8, 0.9, 0.45 mm.
        voxels: Of the skull.
        phase: ``forward`` as in inference, or ``train``: forward and backward.
        status: ``measured``, ``not installed``, ``not available`` here, or ``failed``.
        threads: Threads used; 0 where not measured.
        seconds: Of each run after the first.
        cpu_seconds: The same runs on the processor's clock, all threads together: steadier than
            seconds where the machine is shared.
        first_seconds: Of the first run, compilation or loading of kernels included.
        peak_rss_bytes: Largest resident size of the process, imports included.
        peak_gpu_bytes: Largest allocation on the GPU, instead.
        error: The last line of what went wrong, or why the engine is not available.
    """

    engine: str
    resolution: int
    voxels: int
    phase: str
    status: str
    threads: int = 0
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    first_seconds: float | None = None
    peak_rss_bytes: int | None = None
    peak_gpu_bytes: int | None = None
    error: str | None = None

    @property
    def median(self) -> float | None:
        """Median of the seconds; None where not measured."""
        return median(self.seconds) if self.seconds else None

    def document(self) -> dict[str, Any]:
        """Plain values, without the fields that say nothing."""
        return {k: v for k, v in asdict(self).items() if v is not None}


def bench(
    resolutions: Sequence[int] = RESOLUTIONS,
    engines: Sequence[str] = ("cpu", "reference", "dense"),
    phases: Sequence[str] = ("forward",),
    *,
    mask: Path | None = None,
    config: str = "table1-ch1",
    threads: int = 0,
    runs: int = 3,
    progress: Progress | None = None,
) -> list[Row]:
    """Measure; every engine, resolution and phase in a process of its own.

    Args:
        resolutions: Of RESOLUTIONS.
        engines: Of ENGINES.
        phases: Of PHASES.
        mask: Of a skull to run on; by default a phantom is made.
        config: ``table1-ch1`` or ``table1-ch2``.
        threads: For every engine; 0 for all cores.
        runs: Runs after the one that warms up.
        progress: Told what runs.

    Raises:
        UsageError: An engine, resolution or phase is unknown.
        InputError: The mask cannot be used.
    """
    for given, known in ((resolutions, RESOLUTIONS), (engines, ENGINES), (phases, PHASES)):
        odd = [one for one in given if one not in known]
        if odd:
            choices = ", ".join(map(str, known))
            raise UsageError(f"cannot measure {odd[0]!r}", hint=f"choose from {choices}")
    rows = []
    jobs = [(r, e, p) for r in resolutions for e in engines for p in phases]
    with tempfile.TemporaryDirectory(prefix="skullfix-bench-") as folder:
        counts: dict[int, int] = {}
        for number, (resolution, engine, phase) in enumerate(jobs):
            path = Path(folder) / f"{resolution}.npy"
            if resolution not in counts:
                counts[resolution] = write_voxels(resolution, mask, path)
            if progress is not None:
                progress(f"{engine} at {resolution}, {phase}", number / len(jobs))
            job = {"voxels": str(path), "engine": engine, "phase": phase, "config": config}
            result = _measure(engine, {**job, "threads": threads, "runs": runs})
            rows.append(Row(engine, resolution, counts[resolution], phase, **result))
    return rows


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def installed(engine: str) -> bool:
    """Whether an engine's package is here."""
    return engine not in _PACKAGES or importlib.util.find_spec(_PACKAGES[engine]) is not None


def _measure(engine: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run a worker; gives the fields of a `Row` that it found out."""
    if not installed(engine):
        return {"status": "not installed"}
    reason = missing() if engine in CUDA_ENGINES else None
    if reason:
        return {"status": "not available", "error": reason}
    command = [sys.executable, "-m", "skullfix.tasks.bench_worker", json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"status": "failed", "error": said[-1][:300]}
    found = json.loads(done.stdout.strip().splitlines()[-1])
    times = {name: tuple(found[name]) for name in ("seconds", "cpu_seconds")}
    return {"status": "measured", **found, **times}
