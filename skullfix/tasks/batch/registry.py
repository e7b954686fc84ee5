"""The tasks that can run in batches.

A task that is split like `skullfix.tasks.complete` needs one entry: its module holds ``NAMECase``
values made by ``read_case(source, folder, options, watch)``, ``compute_case(case, model)`` gives a
result with a ``document``, and ``write_case(case, result)`` writes it. Reading and writing may then
run in threads beside the computing of other cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skullfix.errors import UsageError
from skullfix.tasks import complete
from skullfix.tasks.document import Progress, Stopwatch
from skullfix.tasks.model import Model, load_model


@dataclass(frozen=True)
class BatchTask:
    """What a batch must know of a task.

    Attributes:
        name: As on the command line.
        check: Raises UsageError for options that make no sense.
        load: The model for options.
        output_names: What each output is to the ending of its file, for a suffix and options.
        read: First part: source, folder, options (overwrite is set), watch to a case.
        compute: Second part: case and model to a result that has a ``document``.
        write: Last part.
        measures: Figures of a document for the summary.
    """

    name: str
    check: Callable[[Any], None]
    load: Callable[[Any, Progress | None], Model]
    output_names: Callable[[str, Any], Mapping[str, str]]
    read: Callable[[Path, Path, Any, Stopwatch], Any]
    compute: Callable[[Any, Model], Any]
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


TASKS = {
    task.name: task
    for task in (
        BatchTask(
            name="complete",
            check=complete.check_options,
            load=lambda options, progress: load_model(options.model, options.backend, progress),
            output_names=complete.output_names,
            read=complete.read_case,
            compute=complete.compute_case,
            write=complete.write_case,
            measures=implant_measures,
        ),
    )
}
