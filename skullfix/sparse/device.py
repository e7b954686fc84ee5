"""Where tensors live: the choice of a device by its name."""

from __future__ import annotations

import torch

from skullfix.errors import UsageError
from skullfix.sparse.cuda.available import CUDA_ENGINES, missing, missing_device

DEFAULT_DEVICE = "cpu"  # not auto: only the engine and training have run on a GPU, no whole command


def choose_device(name: str = DEFAULT_DEVICE, backend: str = "auto") -> torch.device:
    """Choose a device.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or ``auto``: a CUDA device where one is there
            and the backend can use it through Triton, else the CPU.
        backend: As for `get_backend`.

    Raises:
        UsageError: The name is unknown, or there is no such device.
    """
    if name == "auto":
        usable = backend in ("auto", *CUDA_ENGINES) and missing() is None
        return torch.device("cuda" if usable else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(
            f"there is no device {name!r}", hint="choose auto, cpu, cuda, cuda:N or mps"
        )
    if device.type == "cuda":
        reason = missing_device()
        if reason is None and (device.index or 0) >= torch.cuda.device_count():
            reason = f"there are {torch.cuda.device_count()} CUDA devices, numbered from 0"
        if reason:
            raise UsageError(f"device {name!r} cannot be used: {reason}", hint="use --device cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError(
            "device 'mps' cannot be used: this is no Mac with an Apple GPU, or its macOS or torch "
            "is too old",
            hint="use --device cpu",
        )
    return device
