"""``skullfix bench``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skullfix.cli.render import JsonOption, QuietOption, command

if TYPE_CHECKING:
    from rich.console import Group

    from skullfix.tasks.bench import Row
    from skullfix.tasks.bench_growth import Growth


def bench(
    resolutions: Annotated[
        str, typer.Option(help="Grids, with commas: 64 (3.6 mm), 128, 256, 512 (0.45 mm).")
    ] = "64,128,256",
    engines: Annotated[
        str,
        typer.Option(
            help="Of cpu, reference, dense, minkowski, spconv, cuda, cuda-bf16, cuda-fp16."
        ),
    ] = "cpu,reference,dense,minkowski,spconv,cuda",
    phase: Annotated[
        str, typer.Option(help="forward (inference), train (forward and backward), or both.")
    ] = "forward",
    mask: Annotated[
        Path | None, typer.Option("--input", metavar="MASK", help="A skull; else a phantom.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder for bench.png and bench.svg."),
    ] = None,
    channels: Annotated[
        str, typer.Option(help="Widths of the paper's Table I: ch1 or ch2.")
    ] = "ch1",
    threads: Annotated[int, typer.Option(help="Threads; 0 for all.", min=0)] = 0,
    runs: Annotated[int, typer.Option(help="Runs after the first.", min=1)] = 3,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure time and memory of the engines, each in a process of its own.

    Example: skullfix bench --resolutions 128,256 --engines cpu,dense

    Example: skullfix bench --input skull.nrrd --phase forward,train -o results/
    """
    with command(json_output, quiet=quiet) as out:
        out.facts.update(task="bench", inputs=[] if mask is None else [str(mask)])
        from skullfix.errors import UsageError
        from skullfix.files.outputs import plan_outputs
        from skullfix.tasks.bench import bench as task
        from skullfix.tasks.bench import machine
        from skullfix.tasks.bench_figure import NAMES, write_figure

        if channels not in ("ch1", "ch2"):
            raise UsageError(f"there is no {channels!r}", hint="choose ch1 or ch2")
        if any(not part.strip().isdecimal() for part in resolutions.split(",")):
            raise UsageError(f"{resolutions!r} is no list of grids", hint="for example 64,128")
        paths: dict[str, Path] = {}
        if output is not None:
            paths = plan_outputs(output, output, "bench", NAMES, overwrite=overwrite)
        rows: list[Row] = task(
            [int(part) for part in resolutions.split(",")],
            [part.strip() for part in engines.split(",")],
            [part.strip() for part in phase.split(",")],
            mask=mask,
            config=f"table1-{channels}",
            threads=threads,
            runs=runs,
            progress=out.progress,
        )
        document: dict[str, object] = {"status": "success", "machine": machine(), "outputs": {}}
        if paths:
            warnings = write_figure(rows, paths)
            document["warnings"] = list(warnings)
            document["outputs"] = {} if warnings else {n: str(p) for n, p in paths.items()}
        from skullfix.tasks.bench_growth import growth

        found = growth(rows)
        document["rows"] = [row.document() for row in rows]
        document["growth"] = [asdict(one) for one in found]
        out.finish(document, _shown(rows, found))


def _shown(rows: list[Row], found: list[Growth]) -> Group:
    """Show the rows and their growth to a person."""
    from rich.console import Group
    from rich.table import Table

    table = Table("engine", "grid", "voxels", "phase", "seconds", "peak MB")
    for row in rows:
        peak = row.peak_gpu_bytes or row.peak_rss_bytes or 0
        seconds = row.status if row.median is None else f"{row.median:.3f}"
        memory = f"{peak / 1e6:.0f}" if peak else row.error or ""
        table.add_row(
            row.engine, str(row.resolution), f"{row.voxels:,}", row.phase, seconds, memory
        )
    return Group(table, *map(str, found))
