"""Time and memory against voxels, as in the paper's Figure 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from skullfix.files.outputs import staged
from skullfix.tasks.bench import Row

NAMES = {kind: f".{kind}" for kind in ("png", "svg")}  # output -> what follows `bench`


def write_figure(rows: Sequence[Row], paths: Mapping[str, Path]) -> tuple[str, ...]:
    """Draw the rows that were measured.

    Args:
        rows: Of `skullfix.tasks.bench`.
        paths: Where each of NAMES goes.

    Returns:
        Warnings: why there is no figure.

    Raises:
        OutputError: A file cannot be written.
    """
    measured = [row for row in rows if row.median is not None]
    if not measured:
        return ("no figure: nothing could be measured",)
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return ("no figure: matplotlib is not installed",)
    figure = Figure(figsize=(9, 4), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    for engine, phase in sorted({(row.engine, row.phase) for row in measured}):
        mine = [row for row in measured if (row.engine, row.phase) == (engine, phase)]
        mine.sort(key=lambda row: row.voxels)
        label = engine if phase == "forward" else f"{engine}, {phase}"
        style = {"marker": "o", "linestyle": "-" if phase == "forward" else "--", "label": label}
        voxels = [row.voxels for row in mine]
        memory = [(row.peak_gpu_bytes or row.peak_rss_bytes or 0) / 1e9 for row in mine]
        time_axes.plot(voxels, [row.median for row in mine], **style)
        memory_axes.plot(voxels, memory, **style)
    for axes, what in ((time_axes, "seconds"), (memory_axes, "peak memory, GB")):
        axes.set(xscale="log", yscale="log", xlabel="voxels", ylabel=what)
        axes.grid(True, which="both", alpha=0.3)
    time_axes.legend(fontsize=8)
    with staged(paths) as aside:
        for kind, path in aside.items():
            figure.savefig(path, format=kind, dpi=150)
    return ()
