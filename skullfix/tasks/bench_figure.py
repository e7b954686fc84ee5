"""Time and memory against voxels, as in the paper's Figure 5."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from skullfix.files.whole import whole_file
from skullfix.tasks.bench import Row


def write_figure(rows: Sequence[Row], folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write ``bench.png`` and ``bench.svg``.

    Returns:
        What was written: nothing if matplotlib is not installed or nothing was measured.

    Raises:
        OutputError: A file exists already or cannot be written.
    """
    measured = [row for row in rows if row.median is not None]
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return []
    if not measured:
        return []
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
    paths = []
    for kind in ("png", "svg"):
        picture = BytesIO()
        figure.savefig(picture, format=kind, dpi=150)
        paths.append(folder / f"bench.{kind}")
        with whole_file(paths[-1], overwrite=overwrite) as file:
            file.write(picture.getvalue())
    return paths
