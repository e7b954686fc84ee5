"""``skullfix upscale``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skullfix.cli.engine import BackendOption, DeviceOption
from skullfix.cli.finer import (
    CoarseOption,
    FactorOption,
    LikeOption,
    ModelOption,
    NoMeshOption,
    NoReportOption,
    OutputOption,
    OverwriteOption,
    SpacingOption,
    ThreadsOption,
    run,
)
from skullfix.cli.fitting import FormatOption, SpaceOption
from skullfix.cli.preview import PreviewOption
from skullfix.cli.render import JsonOption, QuietOption


def upscale(
    source: Annotated[Path, typer.Argument(metavar="MASK", help="Coarse skull mask.")],
    output: OutputOption = None,
    factor: FactorOption = None,
    spacing: SpacingOption = None,
    like: LikeOption = None,
    coarse: CoarseOption = None,
    model: ModelOption = None,
    device: DeviceOption = "cpu",
    backend: BackendOption = "auto",
    threads: ThreadsOption = 0,
    mesh_format: FormatOption = "stl",
    space: SpaceOption = "lps",
    no_mesh: NoMeshOption = False,
    no_report: NoReportOption = False,
    preview: PreviewOption = False,
    overwrite: OverwriteOption = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a coarse skull mask finer.

    Example: skullfix upscale skull.nii.gz --factor 2

    Example: skullfix upscale skull.nii.gz --like ct.nrrd -o fine/

    Without --factor, --spacing or --like the result is twice as fine.

    With --coarse it lies on the mask's own grid, unless another one is asked for.
    """
    run("upscale", locals())
