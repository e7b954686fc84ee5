"""Decide what happens to a case: done before, to be refused, or to be tried."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from skullfix.errors import InputError
from skullfix.files.outputs import plan_outputs
from skullfix.tasks.batch.case import Case, Key, Outcome, failure_of
from skullfix.tasks.batch.inputs import input_sha256
from skullfix.tasks.batch.journal import Journal
from skullfix.tasks.batch.registry import BatchTask

_NO_MATTER = ("overwrite", "model")  # the model counts by its hash


@dataclass(frozen=True)
class Admission:
    """A case and what is to be done with it.

    Attributes:
        case: The case.
        key: What its result depends on.
        ended: How it ended, where nothing is left to do.
        earlier: Whether that was in an earlier batch.
    """

    case: Case
    key: Key
    ended: Outcome | None = None
    earlier: bool = False


@dataclass(frozen=True, eq=False)
class Rules:
    """What decides.

    Attributes:
        task: The task.
        options: Its options; ``overwrite`` does all cases again.
        options_sha256: Of the task and these options.
        model_sha256: Of its checkpoint.
        journal: Of the folder.
        root: The folder.
        retry_failed: Whether failures are tried again.
    """

    task: BatchTask
    options: Any
    options_sha256: str
    model_sha256: str
    journal: Journal
    root: Path
    retry_failed: bool = False

    def admit(self, case: Case) -> Admission:
        """Look at a case; never fails, a case that cannot be tried has ended."""
        key = Key("", self.options_sha256, self.model_sha256)
        try:
            if not case.trouble:
                key = replace(key, input_sha256=input_sha256(case.source))
            before = self._before(case, key)
            if before is not None:
                return Admission(case, key, before, earlier=True)
            if case.trouble:
                raise InputError(
                    f"{case.source} {case.trouble}.", hint="Correct the link or the permission."
                )
            ours = self.options.overwrite or self.journal.started(case.name)
            names = self.task.output_names(case.suffix, self.options)
            plan_outputs(case.source, case.folder, case.stem, names, overwrite=ours)
        except Exception as error:  # of one case, whatever it is: the others go on
            return Admission(case, key, failure_of(case, error))
        return Admission(case, key)

    def _before(self, case: Case, key: Key) -> Outcome | None:
        """Give how the same case ended before, if that still stands."""
        found = self.journal.last(case.name)
        if found is None or found[0] != key or self.options.overwrite:
            return None
        outcome = found[1]
        if outcome.failed:
            return None if self.retry_failed else outcome
        files = ((self.root / path, outcome.sizes[name]) for name, path in outcome.outputs.items())
        return outcome if all(_has_size(path, size) for path, size in files) else None


def options_sha256(task: BatchTask, options: Any) -> str:
    """Hash a task and all its options that matter for the results; files count by their bytes.

    Raises:
        InputError: A file that an option names cannot be read.
    """
    values = {k: v for k, v in asdict(options).items() if k not in _NO_MATTER}
    files = {k: input_sha256(v) for k, v in values.items() if isinstance(v, Path)}
    text = json.dumps([task.name, values | files], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
