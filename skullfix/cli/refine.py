"""``skullfix refine``."""

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


def refine(
    source: Annotated[Path, typer.Argument(metavar="MASK", help="Organ mask or label map.")],
    organ: Annotated[
        str,
        typer.Option(help="aorta, heart, trachea, esophagus, or all labels of a label map."),
    ],
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
    """Refine a coarse organ mask.

    Example: skullfix refine aorta.nii.gz --organ aorta --like ct.nii.gz

    Example: skullfix refine segmentation.nii.gz --organ all --coarse 3

    The result is twice as fine if no other grid is asked for, with --coarse on the mask's own.
    """
    run("refine", locals())
