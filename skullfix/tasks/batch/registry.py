"""The tasks that can run in batches.

A task is split in three: reading (``read(source, folder, options, watch)`` gives a case), computing
(``compute(case, model)`` gives a result that has a ``document``) and writing (``write(case,
result)``), so that reading and writing run in threads beside the computing of other cases. A task
that is split so needs one entry here, and one line in ``skullfix.cli.batch``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from skullfix.errors import UsageError
from skullfix.tasks import complete, complete_case, complete_options, fine_options, fine_task
from skullfix.tasks.document import Progress, Stopwatch
from skullfix.tasks.fine_models import FineModels
from skullfix.tasks.model import load_model
from skullfix.weights.resolve import CheckpointFile


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a task computes with, loaded once, and what it is.

    Attributes:
        model: For the task's computing part.
        facts: ``name``, ``version``, ``sha256`` and ``licence``, for the journal and the summary.
    """

    model: Any
    facts: dict[str, str]


@dataclass(frozen=True)
class BatchTask:
    """What a batch must know of a task.

    Attributes:
        name: As on the command line.
        check: Raises UsageError for options that make no sense.
        load: What it computes with, for options.
        output_names: What each output is to the ending of its file, for a suffix and options.
        read: First part: source, folder, options (overwrite is set), watch to a case.
        compute: Second part: case and model to a result that has a ``document``.
        write: Last part.
        measures: Figures of a document for the summary.
    """

    name: str
    check: Callable[[Any], None]
    load: Callable[[Any, Progress | None], Loaded]
    output_names: Callable[[str, Any], Mapping[str, str]]
    read: Callable[[Path, Path, Any, Stopwatch], Any]
    compute: Callable[[Any, Any], Any]
    write: Callable[[Any, Any], None]
    measures: Callable[[Mapping[str, Any]], dict[str, float | None]]


def find_task(name: str) -> BatchTask:
    """Find a task by its name.

    Raises:
        UsageError: There is none.
    """
    if name not in TASKS:
        raise UsageError(
            f"The task {name!r} cannot run in batches.", hint=f"Choose {', '.join(TASKS)}."
        )
    return TASKS[name]


def implant_measures(document: Mapping[str, Any]) -> dict[str, float | None]:
    """Give volume, wall and gap of an implant; over all its pieces."""
    implant = document.get("implant", {})
    pieces = implant.get("pieces", [])

    def over(name: str, choose: Callable[[list[float]], float]) -> float | None:
        values = [piece[name] for piece in pieces if piece.get(name) is not None]
        return choose(values) if values else None

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    return {
        "volume_ml": implant.get("volume_ml"),
        "thickness_mean_mm": over("thickness_mean", mean),
        "thickness_min_mm": over("thickness_min", min),
        "gap_mean_mm": over("gap_mean", mean),
        "gap_p95_mm": over("gap_p95", max),
    }


def shape_measures(document: Mapping[str, Any]) -> dict[str, float | None]:
    """Give the volume of a mask before and after; of a label map over all its labels."""
    shapes = document["shapes"].values()
    return {
        "volume_ml": sum(shape["volume_ml"] for shape in shapes),
        "volume_before_ml": sum(shape["volume_ml_before"] for shape in shapes),
    }


def _load_complete(options: complete_options.CompleteOptions, progress: Progress | None) -> Loaded:
    model = load_model(options.model, options.backend, progress, device=options.device)
    return Loaded(model, _facts(model.checkpoint))


def _load_fine(
    task: fine_options.Task, options: fine_options.FineOptions, progress: Progress | None
) -> Loaded:
    models = FineModels(task, options.model, options.backend, progress, options.device)
    return Loaded(models, _facts(models.model.checkpoint))


def _facts(checkpoint: CheckpointFile) -> dict[str, str]:
    return {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "sha256": checkpoint.sha256,
        "licence": checkpoint.licence,
    }


def _fine(task: fine_options.Task) -> BatchTask:
    """Give ``upscale`` or ``refine``."""
    return BatchTask(
        name=task,
        check=partial(fine_options.check_fine_options, task),
        load=partial(_load_fine, task),
        output_names=partial(fine_options.fine_output_names, task),
        read=partial(fine_task.read_fine_case, task),
        compute=fine_task.compute_fine_case,
        write=fine_task.write_fine_case,
        measures=shape_measures,
    )


TASKS = {
    task.name: task
    for task in (
        BatchTask(
            name="complete",
            check=complete_options.check_options,
            load=_load_complete,
            output_names=complete_options.output_names,
            read=complete_case.read_case,
            compute=complete.compute_case,
            write=complete.write_case,
            measures=implant_measures,
        ),
        _fine("upscale"),
        _fine("refine"),
    )
}
