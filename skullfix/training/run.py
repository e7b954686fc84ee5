"""A whole training run: from a folder of skulls to a checkpoint with its card."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from skullfix.cases.folder import read_split
from skullfix.cases.organs import ORGANS
from skullfix.errors import InputError, OutputError, UsageError
from skullfix.networks.checkpoint import load_network, save_checkpoint
from skullfix.networks.config import CONFIGS
from skullfix.networks.fine_features import CHANNELS as FINE_CHANNELS
from skullfix.networks.unet import SparseUNet
from skullfix.networks.widen import widen
from skullfix.sparse.device import DEFAULT_DEVICE, choose_device
from skullfix.sparse.threads import set_threads
from skullfix.training.distributed import join, own_device
from skullfix.training.loop import CPU, last_scores, train
from skullfix.training.population import Case, load_cases, load_organs, load_shapes
from skullfix.training.problem import completion, super_resolution
from skullfix.training.register import register_heads
from skullfix.training.settings import Settings
from skullfix.training.state import STATE_FILE
from skullfix.weights.resolve import resolve_checkpoint

CHECKPOINT_FILE = "network.safetensors"
TASKS = ("complete", "upscale", "refine")
FACTORS = (2, 3, 4, 6)
_SKULL_LAYOUT = "give the folder that holds complete_skull/, implant/ and split.txt"
_LAYOUTS = {
    "complete": _SKULL_LAYOUT,
    "upscale": _SKULL_LAYOUT,
    "refine": "give a folder of SUBJECT/ORGAN.nii.gz or Patient_XX/GT.nii.gz",
}


def train_network(
    task: str,
    data: Sequence[Path],
    run: Path,
    settings: Settings,
    *,
    start: str | None = None,
    organs: Sequence[str] = ORGANS,
    hold_out: Sequence[str] = (),
    resume: bool = False,
    backend: str = "auto",
    device: str = DEFAULT_DEVICE,
    workers: int = 0,
    threads: int = 0,
    progress: Callable[[str, float], None],
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Train a network.

    Args:
        task: One of TASKS.
        data: For ``complete`` and ``upscale`` folders with ``complete_skull/``, ``split.txt``
            and, where the skulls have defects of their own, ``implant/``; the validation cases of
            the first one are validated on. For ``refine`` folders of organ masks, see
            `skullfix.cases.organs`.
        run: Folder of the run: state, log and, at the end, the checkpoint.
        settings: The knobs; `Settings.start` is filled in here.
        start: A released network (name, ``name@version`` or path) to begin with; one with fewer
            channels is widened.
        organs: For ``refine``: which organs to learn.
        hold_out: For ``refine``: subjects or organs that are only validated on.
        resume: Go on where the run in that folder stopped.
        backend: Engine.
        device: See `choose_device`; of several processes, each takes a GPU of its own of ``cuda``.
        workers: Processes that make the samples of this one; 0 for a thread.
        threads: 0 for all cores.
        progress: Called with the stage and the fraction done.
        note: Called with a line of text for every line of the log.

    Returns:
        The result document: checkpoint, log, steps.

    Raises:
        UsageError: Unknown task, architecture, organ or device, or factors where there are none.
        InputError: The folder lacks something.
        OutputError: The run's folder holds a run already, or cannot be written.
    """
    _check(task, settings, organs, start)
    for folder in data:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder", hint=_LAYOUTS[task])
    if (run / STATE_FILE).exists() and not resume:
        raise OutputError(f"{run} holds a run already", hint="add --resume, or choose another -o")
    place = own_device(choose_device(device, backend))
    settings, network = _start(start, task, settings)
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{run} cannot be made: {error}", hint="choose another -o") from error
    set_threads(threads)
    with join() as ranks:
        quiet = ranks.rank > 0
        tell = _silent if quiet else progress
        if task == "complete":
            read = partial(load_cases, cache=run / "cache", progress=tell)
            cases, held_out, told = _skulls(data, read)
            shapes = register_heads(cases, run / "cache", tell) if settings.morph else None
            problem = completion(cases, held_out, settings, shapes)
        else:
            detail = settings.spacing / 2  # mm
            if task == "refine":
                cases, held_out, told = _organs(data, organs, hold_out, detail)
            else:
                read = partial(load_shapes, spacing=detail, progress=tell)
                cases, held_out, told = _skulls(data, read)
            makes = CPU if workers else place  # processes of their own have no GPU
            problem = super_resolution(cases, held_out, settings, makes)
        network = train(
            problem,
            settings,
            run,
            resume=resume,
            start=network,
            ranks=ranks,
            backend_name=backend,
            device=place,
            workers=workers,
            progress=tell,
            note=note,
        )
        if not quiet:
            card = _card(task, settings, network, told, run / "log.csv")
            card["created_with"] = [
                _command(task, data, settings, start, organs, hold_out, ranks.count)
            ]
            save_checkpoint(network, card, run / CHECKPOINT_FILE, half=True)
    return {
        "status": "success",
        "checkpoint": str(run / CHECKPOINT_FILE),
        "log": str(run / "log.csv"),
        "steps": settings.steps,
    }


def _silent(stage: str, fraction: float) -> None:
    """Show no progress: another process does."""


def _card(
    task: str, settings: Settings, network: SparseUNet, told: str, log: Path
) -> dict[str, Any]:
    """Make the card of a finished run, without the command."""
    return {
        "name": settings.architecture,
        "version": "0",
        "task": task,
        "spacing_mm": settings.spacing,
        "training_data": told,
        "licence": "that of the training data",
        "metrics": {f"validation_{k}": v for k, v in last_scores(log).items()},
        "thresholds": list(settings.thresholds) if settings.prune_below else None,
        "notes": "The metrics' DSC are measured on the network's own grid.",
        "factors": list(settings.factors),
        "settings": settings.to_dict(),
        **network.config.to_dict(),
    }


def _check(task: str, settings: Settings, organs: Sequence[str], start: str | None) -> None:
    """Refuse what cannot be trained before anything is read."""
    if task not in TASKS:
        raise UsageError(f"cannot train {task!r}", hint=f"the tasks are: {', '.join(TASKS)}")
    if settings.architecture not in CONFIGS:
        raise UsageError(
            f"there is no architecture {settings.architecture!r}",
            hint=f"choose one of {', '.join(CONFIGS)}",
        )
    fine = task != "complete"
    if fine != bool(settings.factors) or any(f not in FACTORS for f in settings.factors):
        raise UsageError(
            f"--factor {' '.join(map(str, settings.factors)) or 'is missing'} for {task}",
            hint=f"upscale and refine need factors of {', '.join(map(str, FACTORS))}; "
            "complete has none",
        )
    if fine and settings.morph:
        raise UsageError(f"--morph for {task}", hint="only complete learns from morphed heads")
    if fine and settings.near_from < 1:
        raise UsageError(f"--near-from for {task}", hint="only complete deforms heads that much")
    fitting = [n for n, c in CONFIGS.items() if fine == (c.in_channels == FINE_CHANNELS)]
    if settings.architecture not in fitting:
        raise UsageError(
            f"the architecture {settings.architecture} is not for {task}",
            hint=f"choose one of {', '.join(fitting)}",
        )
    if settings.blend and start is None:
        raise UsageError("--blend without --start", hint="name the network with --start")
    for organ in organs:
        if organ not in ORGANS:
            raise UsageError(f"there is no organ {organ!r}", hint=f"choose of {', '.join(ORGANS)}")


def _skulls(
    data: Sequence[Path], read: Callable[[Path, list[str]], list[Case]]
) -> tuple[list[Case], list[Case], str]:
    """Read training and validation skulls, and say what they are."""
    names = [read_split(folder, "train") for folder in data]
    tried = read_split(data[0], "validation")
    cases = [
        case for folder, wanted in zip(data, names, strict=True) for case in read(folder, wanted)
    ]
    counted = zip(data, names, strict=True)
    told = ", ".join(f"{len(wanted)} skulls of {folder.name}" for folder, wanted in counted)
    return cases, read(data[0], tried), told


def _organs(
    data: Sequence[Path], organs: Sequence[str], hold_out: Sequence[str], spacing: float
) -> tuple[list[Case], list[Case], str]:
    """Read the organs to learn and those held out, and say what they are."""
    found = [case for folder in data for case in load_organs(folder, organs, spacing)]
    out = [case for case in found if set(case.name.split("/")) & set(hold_out)]
    cases = [case for case in found if case not in out]
    if not cases or (hold_out and not out):
        raise InputError(
            f"--hold-out {' '.join(hold_out)} leaves {len(cases)} masks to learn and {len(out)} "
            "to validate on",
            hint="name subjects or organs that the folder holds, and not all of them",
        )
    return cases, out, f"{len(cases)} organ masks: " + ", ".join(case.name for case in cases)


def _start(
    reference: str | None, task: str, settings: Settings
) -> tuple[Settings, SparseUNet | None]:
    """Read the network that the run begins with, if one is wanted."""
    if reference is None:
        return settings, None
    fine = () if task == "complete" else ("upscale", "refine")  # one kind of network
    checkpoint = resolve_checkpoint(reference, task=task, also=fine)
    torch.manual_seed(settings.seed)  # of the channels that the narrower network lacks
    network = widen(load_network(checkpoint.path, checkpoint.card), CONFIGS[settings.architecture])
    return replace(settings, start=checkpoint.sha256), network


def _command(
    task: str,
    data: Sequence[Path],
    settings: Settings,
    start: str | None,
    organs: Sequence[str],
    hold_out: Sequence[str],
    processes: int,
) -> str:
    """Write the command line that makes this run; of folders and files the names alone."""
    launch = f"torchrun --nproc-per-node {processes} -m -- " if processes > 1 else ""
    folders = " ".join(shlex.quote(folder.resolve().name) for folder in data)
    words = [f"{launch}skullfix train {task} {folders} -o RUN"]
    for field in ("architecture", "spacing", "steps", "batch", "rate", "freeze_from", "seed"):
        words.append(f"--{field.replace('_', '-')} {getattr(settings, field)}")
    words += [f"--factor {factor}" for factor in settings.factors]
    for option in ("morph", "near_from", "prune_below", "blend"):
        value = getattr(settings, option)
        usual = value == getattr(Settings, option)
        words += [] if usual else [f"--{option.replace('_', '-')} {value}"]
    if task == "refine" and set(organs) != set(ORGANS):
        words += [f"--organ {organ}" for organ in organs]
    words += [f"--hold-out {shlex.quote(name)}" for name in hold_out]
    return " ".join(words + ([f"--start {shlex.quote(Path(start).name)}"] if start else []))
