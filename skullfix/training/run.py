"""A whole training run: from a folder of skulls to a checkpoint with its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from skullfix.errors import InputError, OutputError, UsageError
from skullfix.networks.checkpoint import save_checkpoint
from skullfix.networks.config import CONFIGS
from skullfix.sparse.threads import set_threads
from skullfix.training.loop import last_scores, train
from skullfix.training.population import load_cases, read_split
from skullfix.training.settings import Settings
from skullfix.training.state import STATE_FILE

CHECKPOINT_FILE = "network.safetensors"


def train_complete(
    task: str,
    data: Path,
    run: Path,
    settings: Settings,
    *,
    resume: bool = False,
    backend: str = "auto",
    threads: int = 0,
    progress: Callable[[str, float], None],
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Train the completion network on a folder in the AutoImplant layout.

    Args:
        task: ``complete``.
        data: Folder with ``complete_skull/``, ``implant/`` and ``split.txt``.
        run: Folder of the run: state, log and, at the end, the checkpoint.
        settings: The knobs.
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
    if not data.is_dir():
        raise InputError(
            f"{data} is not a folder",
            hint="give the folder that holds complete_skull/, implant/ and split.txt",
        )
    if (run / STATE_FILE).exists() and not resume:
        raise OutputError(f"{run} holds a run already", hint="add --resume, or choose another -o")
    names = {part: read_split(data, part) for part in ("train", "validation")}
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{run} cannot be made: {error}", hint="choose another -o") from error
    set_threads(threads)
    cases = load_cases(data, names["train"], run / "cache", progress)
    held_out = load_cases(data, names["validation"], run / "cache", progress)
    network = train(
        cases,
        held_out,
        settings,
        run,
        resume=resume,
        backend_name=backend,
        progress=progress,
        note=note,
    )
    card = {
        "name": settings.architecture,
        "version": "0",
        "task": task,
        "spacing_mm": settings.spacing,
        "training_data": f"{len(cases)} skulls of the folder {data.name}",
        "licence": "that of the training data",
        "metrics": {f"validation_{k}": v for k, v in last_scores(run / "log.csv").items()},
        "created_with": [_command(task, data, settings)],
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


def _command(task: str, data: Path, settings: Settings) -> str:
    """Write the command line that makes this run."""
    words = [f"skullfix train {task} {data.name} -o RUN"]
    for field in ("architecture", "spacing", "steps", "batch", "rate", "seed"):
        words.append(f"--{field} {getattr(settings, field)}")
    return " ".join(words)
