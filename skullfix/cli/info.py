"""``skullfix info``: what this installation is and what it can use."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from skullfix.cli.first_run import kernel_cache
from skullfix.cli.render import JsonOption, command
from skullfix.version import __version__

PACKAGES = ("torch", "numba", "numpy", "SimpleITK", "scikit-image", "manifold3d", "MinkowskiEngine")
GOOD = "fine"


def info(json_output: JsonOption = False) -> None:
    """Show versions, devices, threads, free memory, kernels and weights, and check them.

    Example: skullfix info

    Example: skullfix info --json > info.json

    Exit code 1 where a check fails. A report of a fault should begin with what this prints.
    """
    with command(json_output) as out:
        document = collect()
        checks = check()
        good = all(found == GOOD for found in checks.values())
        document |= {"status": "success" if good else "error", "checks": checks}
        out.finish(document, "\n".join(_lines(document)), exit_code=0 if good else 1)


def collect() -> dict[str, object]:
    """Gather everything that a report of a fault should begin with."""
    import psutil

    memory = psutil.virtual_memory()
    return {
        "status": "success",
        "skullfix": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "program": sys.executable,
        "devices": _devices(),
        "threads": {"cores": os.cpu_count(), "usable": _usable_cores()},
        "memory": {"total_bytes": memory.total, "free_bytes": memory.available},
        "kernels": _kernels(),
        "weights": _weights(),
    }


def check() -> dict[str, str]:
    """Try what a run relies on; ``fine``, or what is wrong."""
    from skullfix.weights.cache import trusted
    from skullfix.weights.library import Library
    from skullfix.weights.resolve import listed, where

    library = Library.from_environment()
    found = {
        "cache": _writable(library.cache),
        "kernels": _check_kernels(),
        "memory": _check_memory(),
        "temporary files": _writable(Path(tempfile.gettempdir())),
    }
    for item in listed(library):
        path = where(item, library)[1]
        if path is not None:
            right = trusted(path, item.entry.size, item.entry.sha256)
            found[item.entry.reference] = GOOD if right else f"{path} is damaged"
        elif item.entry.default:
            found[item.entry.reference] = f"not here; skullfix weights pull {item.entry.name}"
    return found


def _writable(folder: Path) -> str:
    """Write a file into a folder, or into the nearest one above it that exists."""
    place = next(part for part in (folder, *folder.parents) if part.is_dir())
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        return f"{place} cannot be written: {error.strerror}"
    return GOOD


def _check_memory() -> str:
    """Whether the limit of memory, where one is set, can be understood."""
    from skullfix.errors import UsageError
    from skullfix.images.room import free_bytes

    try:
        free_bytes()
    except UsageError as error:
        return error.message
    return GOOD


def _check_kernels() -> str:
    """Whether the fast engine can run and keep what it compiles."""
    cache = kernel_cache()
    if cache is None:
        return "numba cannot be imported; the engine 'reference' runs, which is slower"
    if cache.folder is None:
        return "no folder can be written; set NUMBA_CACHE_DIR, or every run compiles them"
    return _writable(cache.folder)


def _kernels() -> dict[str, object]:
    """Tell where the engine's compiled kernels are kept."""
    cache = kernel_cache()
    if cache is None:
        return {"folder": None, "state": "none"}
    first = "compiled at every run" if cache.folder is None else "compiled at the first run"
    state = "compiled" if cache.compiled else first
    return {"folder": None if cache.folder is None else str(cache.folder), "state": state}


def _weights() -> dict[str, object]:
    """Tell where checkpoints are looked for and where each one is."""
    from skullfix.weights.library import Library
    from skullfix.weights.resolve import listed, where

    library = Library.from_environment()
    return {
        "released": str(library.released),
        "cache": str(library.cache),
        "mirrors": len(library.mirrors),
        "offline": library.offline,
        "checkpoints": {i.entry.reference: where(i, library)[0] for i in listed(library)},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _usable_cores() -> int:
    """Count the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _devices() -> dict[str, str]:
    """Name the devices that torch can compute on, e.g. ``{"cpu": "x86_64"}``."""
    import torch

    devices = {"cpu": _processor()}
    for index in range(torch.cuda.device_count()):
        devices[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    return devices


def _processor() -> str:
    """Name the processor as well as the system can, e.g. ``AMD EPYC 7763 (x86_64)``."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as stream:  # Linux
            found = next(line for line in stream if line.startswith("model name"))
        name = found.partition(":")[2].strip()
    except (OSError, StopIteration):
        name = platform.processor()
    return f"{name} ({platform.machine()})" if name else platform.machine()


def _lines(document: dict[str, object], indent: str = "") -> list[str]:
    """Write a nested document as aligned plain lines, sizes in GiB."""
    lines: list[str] = []
    for key, value in document.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}", *_lines(value, indent + "  ")]
        elif key.endswith("_bytes") and isinstance(value, int):
            lines.append(f"{indent}{key.removesuffix('_bytes'):<18}{value / 2**30:.1f} GiB")
        else:
            lines.append(f"{indent}{key:<19} {'not installed' if value is None else value}")
    return lines
