"""A whole training run: from a folder of skulls to a checkpoint with its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from skullfix.cases.folder import read_split
from skullfix.errors import InputError, OutputError, UsageError
from skullfix.networks.checkpoint import load_network, save_checkpoint
from skullfix.networks.config import CONFIGS
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.threads import set_threads
from skullfix.training.loop import last_scores, train
from skullfix.training.population import load_cases
from skullfix.training.settings import Settings
from skullfix.training.state import STATE_FILE
from skullfix.weights.resolve import resolve_checkpoint

CHECKPOINT_FILE = "network.safetensors"


def train_complete(
    task: str,
    data: Sequence[Path],
    run: Path,
    settings: Settings,
    *,
    start: str | None = None,
    resume: bool = False,
    backend: str = "auto",
    threads: int = 0,
    progress: Callable[[str, float], None],
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Train the completion network on folders in the AutoImplant layout.

    Args:
        task: ``complete``.
        data: Folders with ``complete_skull/``, ``split.txt`` and, where the skulls have defects
            of their own, ``implant/``. The validation cases of the first one are validated on.
        run: Folder of the run: state, log and, at the end, the checkpoint.
        settings: The knobs; `Settings.start` is filled in here.
        start: A released network (name, ``name@version`` or path) to begin with.
        resume: Go on where the run in that folder stopped.
        backend: Engine.
        threads: 0 for all cores.
        progress: Called with the stage and the fraction done.
        note: Called with a line of text for every line of the log.

    Returns:
        The result document: checkpoint, card, log, validation DSC.

    Raises:
        UsageError: Unknown task or architecture.
        InputError: The folder lacks something.
        OutputError: The run's folder holds a run already, or cannot be written.
    """
    if task != "complete":
        raise UsageError(f"cannot train {task!r}", hint="the task is: complete")
    if settings.architecture not in CONFIGS:
        raise UsageError(
            f"there is no architecture {settings.architecture!r}",
            hint=f"choose one of {', '.join(CONFIGS)}",
        )
    for folder in data:
        if not folder.is_dir():
            raise InputError(
                f"{folder} is not a folder",
                hint="give the folder that holds complete_skull/, implant/ and split.txt",
            )
    if (run / STATE_FILE).exists() and not resume:
        raise OutputError(f"{run} holds a run already", hint="add --resume, or choose another -o")
    names = [read_split(folder, "train") for folder in data]
    tried = read_split(data[0], "validation")
    settings, network = _start(start, settings)
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{run} cannot be made: {error}", hint="choose another -o") from error
    set_threads(threads)
    cases = [
        case
        for folder, wanted in zip(data, names, strict=True)
        for case in load_cases(folder, wanted, run / "cache", progress)
    ]
    held_out = load_cases(data[0], tried, run / "cache", progress)
    network = train(
        cases,
        held_out,
        settings,
        run,
        resume=resume,
        start=network,
        backend_name=backend,
        progress=progress,
        note=note,
    )
    card = {
        "name": settings.architecture,
        "version": "0",
        "task": task,
        "spacing_mm": settings.spacing,
        "training_data": ", ".join(
            f"{len(wanted)} skulls of the folder {folder.name}"
            for folder, wanted in zip(data, names, strict=True)
        ),
        "licence": "that of the training data",
        "metrics": {f"validation_{k}": v for k, v in last_scores(run / "log.csv").items()},
        "created_with": [_command(task, data, settings, start)],
        "thresholds": None,
        "notes": "Implant DSC of the metrics is measured on the network's own grid.",
        "settings": settings.to_dict(),
        **network.config.to_dict(),
    }
    path = save_checkpoint(network, card, run / CHECKPOINT_FILE, half=True)
    return {
        "status": "success",
        "checkpoint": str(path),
        "log": str(run / "log.csv"),
        "steps": settings.steps,
    }


def _start(reference: str | None, settings: Settings) -> tuple[Settings, SparseUNet | None]:
    """Read the network that the run begins with, if one is wanted."""
    if reference is None:
        return settings, None
    checkpoint = resolve_checkpoint(reference, task="complete")
    network = load_network(checkpoint.path, checkpoint.card)
    if network.config != CONFIGS[settings.architecture]:
        raise UsageError(
            f"{reference} is not of the architecture {settings.architecture}",
            hint=f"its card says {checkpoint.card.get('architecture')!r}",
        )
    return replace(settings, start=checkpoint.sha256), network


def _command(task: str, data: Sequence[Path], settings: Settings, start: str | None) -> str:
    """Write the command line that makes this run."""
    words = [f"skullfix train {task} {' '.join(folder.name for folder in data)} -o RUN"]
    for field in ("architecture", "spacing", "steps", "batch", "rate", "seed"):
        words.append(f"--{field} {getattr(settings, field)}")
    return " ".join(words + ([f"--start {Path(start).name}"] if start else []))
