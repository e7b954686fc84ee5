"""What a Dask worker does: one case, with a model that stays loaded between cases."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skullfix.errors import InputError, WeightsError
from skullfix.tasks.batch.case import Case, Outcome, failure_of
from skullfix.tasks.batch.registry import Loaded, find_task
from skullfix.tasks.batch.work import Work

_IN_MEMORY = threading.BoundedSemaphore(3)  # cases, for workers of several threads
_COMPUTING = threading.Lock()  # one at a time, on all threads of the engine
_loaded: dict[tuple[str, str], Loaded] = {}  # the one of this process


class TransientError(Exception):
    """A failure that may go away on another try or another machine."""


@dataclass(frozen=True)
class Errand:
    """A case as it travels to a worker; all paths are those of the shared disk.

    Attributes:
        task: Name of the task.
        case: The case.
        options: Of the task.
        root: The batch's folder.
        model_sha256: Of the checkpoint that the batch began with.
        threads: For the engine; 0 for all.
        last_try: Whether a failure of any kind is the case's end.
    """

    task: str
    case: Case
    options: Any
    root: Path
    model_sha256: str
    threads: int
    last_try: bool = False


def run_errand(errand: Errand) -> Outcome:
    """Do a case and write its results; its own failures are an outcome.

    Raises:
        TransientError: It failed for a reason that another try may not meet.
    """
    with _IN_MEMORY:
        outcome = _attempt(errand)
    code = outcome.error["code"] if outcome.error else ""
    if code in ("unexpected", "not_enough_memory", "output_refused") and not errand.last_try:
        raise TransientError(f"{socket.gethostname()}: {outcome.error!a}")  # Dask wants UTF-8
    return outcome


def _attempt(errand: Errand) -> Outcome:
    task, case = find_task(errand.task), errand.case
    work = Work(task, errand.options, errand.root, errand.threads)
    try:
        _check_disk(errand)
        read = work.read(case)
        if isinstance(read, Outcome):
            return read
        with _COMPUTING:
            result = work.compute(case, read, _model(errand))
    except Exception as error:  # its words may be no UTF-8, so it does not travel as an exception
        return failure_of(case, error)
    if isinstance(result, Outcome):
        return result
    return work.write(case, read, result)


def _check_disk(errand: Errand) -> None:
    """Refuse a worker that does not see the batch's disk, before it makes folders of its own."""
    if not errand.root.is_dir():
        raise InputError(
            f"The worker on {socket.gethostname()} does not see the folder {errand.root}.",
            hint="Give the inputs and -o by a path that all machines share.",
        )


def _model(errand: Errand) -> Any:
    """Give the model, loaded by the first case of this process."""
    key = (errand.task, errand.model_sha256)
    if key not in _loaded:
        loaded = find_task(errand.task).load(errand.options, None)
        found = loaded.facts["sha256"]
        if found != errand.model_sha256:
            raise WeightsError(
                f"The worker on {socket.gethostname()} has another checkpoint "
                f"({found[:12]}) than the batch ({errand.model_sha256[:12]}).",
                hint="Install the same version of skullfix on all machines.",
            )
        _loaded.clear()
        _loaded[key] = loaded
    return _loaded[key].model
