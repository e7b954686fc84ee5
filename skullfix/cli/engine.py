"""The options that choose where and by which engine the network computes."""

from __future__ import annotations

from typing import Annotated

import typer

DeviceOption = Annotated[
    str, typer.Option(help="cpu, cuda, cuda:N, mps, or auto: a GPU where one is of use.")
]
BackendOption = Annotated[
    str,
    typer.Option(help="auto, cpu, reference, cuda, cuda-bf16, cuda-fp16 or minkowski."),
]
