"""The state of a run on disk: whole or not at all, and without pickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from skullfix.errors import InputError
from skullfix.files.whole import whole_file
from skullfix.training.settings import Settings

STATE_FILE = "state.safetensors"


def save_state(
    folder: Path,
    step: int,
    settings: dict[str, Any],
    network: nn.Module,
    average: nn.Module,
    optimizer: Optimizer,
) -> None:
    """Write everything that a resumed run needs, atomically."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in (("network", network), ("average", average)):
        tensors |= {f"{prefix}/{name}": value for name, value in module.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in slots.items()}
    metadata = {"step": str(step), "settings": json.dumps(settings, sort_keys=True)}
    with whole_file(folder / STATE_FILE, overwrite=True) as file:
        file.write(save({k: v.contiguous() for k, v in tensors.items()}, metadata))


def load_state(
    folder: Path,
    settings: dict[str, Any],
    network: nn.Module,
    average: nn.Module,
    optimizer: Optimizer,
) -> int:
    """Restore a run and return the number of steps that it has done.

    A run may be made longer or shorter when it is resumed; the other settings are fixed. One that
    did not exist when the run began had its default.

    Raises:
        InputError: There is no state, it is damaged, or it belongs to other settings.
    """
    path = folder / STATE_FILE
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        before = Settings().to_dict() | json.loads(metadata["settings"])
        step = int(metadata["step"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"{path} holds no run to resume: {error}",
            hint="start afresh without --resume in an empty folder",
        ) from error
    changed = [n for n, v in settings.items() if n != "steps" and before.get(n) != v]
    if changed:
        told = ", ".join(f"{n}: {before.get(n)!r} then, {settings[n]!r} now" for n in changed)
        raise InputError(
            f"the run in {folder} was made with other settings ({told})",
            hint="resume with the same options, or start another run",
        )
    network.load_state_dict(_under("network", tensors))
    average.load_state_dict(_under("average", tensors))
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer", tensors).items():
        index, _, slot = name.partition("/")
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
    return step


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Select the tensors below a prefix, by their own names."""
    start = len(prefix) + 1
    return {n[start:]: v for n, v in tensors.items() if n.startswith(prefix + "/")}


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights and running statistics towards the current ones."""
    for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
    for kept, value in zip(average.buffers(), network.buffers(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(value, 1 - decay)
        else:
            kept.copy_(value)
