"""``skullfix train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skullfix.cli.engine import BackendOption, DeviceOption
from skullfix.cli.render import JsonOption, QuietOption, command


def train(
    task: Annotated[str, typer.Argument(help="What to train: complete, upscale or refine.")],
    data: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of skulls (complete_skull/, split.txt, implant/) or of organs."
        ),
    ],
    run: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was interrupted.")
    ] = False,
    architecture: Annotated[
        str | None,
        typer.Option(
            help="table1-ch1, table1-ch2, implant-s, implant-m or implant-l (these two also see "
            "the skull's mirror image), fine-s, fine-m, fine-l, fine-xl or fine-2xl."
        ),
    ] = None,
    spacing: Annotated[float, typer.Option(help="Grid spacing in mm.", min=0.3, max=8)] = 1.8,
    steps: Annotated[int, typer.Option(help="Optimiser steps in all.", min=1)] = 10_000,
    batch: Annotated[int, typer.Option(help="Volumes a step.", min=1, max=64)] = 4,
    rate: Annotated[float, typer.Option(help="Peak learning rate.", min=1e-7, max=1)] = 2e-3,
    freeze_from: Annotated[
        float,
        typer.Option(
            help="Part of the run after which batch norm keeps its statistics and the rate falls; "
            "0 suits a run with --start.",
            min=0,
            max=1,
        ),
    ] = 0.75,
    start: Annotated[
        str | None, typer.Option(help="Network to begin with: NAME, NAME@VERSION or a path.")
    ] = None,
    factor: Annotated[
        list[int] | None,
        typer.Option(help="upscale, refine: fine voxels a coarse one: 2, 3, 4, 6; repeatable."),
    ] = None,
    organ: Annotated[
        list[str] | None, typer.Option(help="refine: organ to learn; all by default.")
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="refine: subject or organ only to validate on.")
    ] = None,
    morph: Annotated[
        float,
        typer.Option(
            help="complete: share of the heads whose shape is between several of the folders'.",
            min=0,
            max=1,
        ),
    ] = 0.0,
    near_from: Annotated[
        float,
        typer.Option(
            help="complete: part of the run after which heads are deformed less; 1 for none.",
            min=0,
            max=1,
        ),
    ] = 1.0,
    prune_below: Annotated[
        float,
        typer.Option(
            help="Logit below which the decoder prunes a voxel; a lower one leaves more to the "
            "finer levels. For a run with --start: an untrained network would keep every voxel.",
            min=-10,
            max=0,
        ),
    ] = 0.0,
    blend: Annotated[
        float,
        typer.Option(
            help="Share of the weights of --start in those released: 0.5 keeps more of what it "
            "knew of other heads.",
            min=0,
            max=1,
        ),
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", min=0)] = 0,
    backend: BackendOption = "auto",
    device: DeviceOption = "cpu",
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that make the samples, on Linux; 0 for a thread. A GPU wants many.",
            min=0,
        ),
    ] = 0,
    threads: Annotated[int, typer.Option(help="Threads; 0 for all.", min=0)] = 0,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a network; a killed run goes on with --resume.

    Example: skullfix train complete autoimplant/ -o runs/first

    Example: skullfix train complete autoimplant/ -o runs/first --resume

    Example: skullfix train upscale autoimplant/ -o runs/fine --spacing 0.9 --factor 4
    """
    with command(json_output, quiet=quiet) as out:
        out.facts.update(task=f"train {task}", inputs=[str(folder) for folder in data])
        from skullfix.cases.organs import ORGANS
        from skullfix.training.distributed import leads
        from skullfix.training.run import train_network
        from skullfix.training.settings import Settings

        settings = Settings(
            architecture or ("implant-s" if task == "complete" else "fine-m"),
            spacing,
            steps,
            batch,
            rate,
            seed,
            freeze_from=freeze_from,
            factors=tuple(factor or ()),
            morph=morph,
            prune_below=prune_below,
            blend=blend,
            near_from=near_from,
        )
        result = train_network(
            task,
            data,
            run,
            settings,
            start=start,
            organs=organ or ORGANS,
            hold_out=hold_out or (),
            resume=resume,
            backend=backend,
            device=device,
            workers=workers,
            threads=threads,
            progress=out.progress,
            note=lambda line: None if quiet else typer.echo(line, err=True),
        )
        if leads():
            out.finish(result, text=f"trained: {result['checkpoint']}")
