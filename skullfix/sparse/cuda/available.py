"""Whether the `cuda` engine can run here, and if not, why; imports no Triton."""

from __future__ import annotations

import importlib.util
from typing import Literal

import torch

CudaName = Literal["cuda", "cuda-bf16", "cuda-fp16"]
CUDA_ENGINES: tuple[CudaName, ...] = ("cuda", "cuda-bf16", "cuda-fp16")


def missing_device() -> str | None:
    """Say why there is no CUDA device; None where there is one."""
    if torch.version.cuda is None:
        return "this torch is built without CUDA"
    return None if torch.cuda.is_available() else "no CUDA device was found"


def missing_triton() -> str | None:
    """Say that Triton is not installed; None where it is."""
    return None if importlib.util.find_spec("triton") is not None else "Triton is not installed"


def missing() -> str | None:
    """Say why the engine cannot run here; None where it can."""
    return missing_device() or missing_triton()
