"""One case from its file to its outputs, in three parts that never raise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skullfix.sparse.threads import set_threads
from skullfix.tasks.batch.case import Case, Outcome, failure_of, outcome_of
from skullfix.tasks.batch.registry import BatchTask
from skullfix.tasks.document import Progress, Stopwatch


@dataclass(frozen=True, eq=False)
class Work:
    """What all cases share.

    Attributes:
        task: The task.
        options: Its options.
        root: The batch's folder.
        threads: For the engine; 0 for all.
    """

    task: BatchTask
    options: Any
    root: Path
    threads: int = 0

    def read(self, case: Case, progress: Progress | None = None) -> Any:
        """Do the first part; give the task's case, or how it failed."""
        options = replace(self.options, overwrite=True)  # what may be replaced is decided before
        try:
            return self.task.read(case.source, case.folder, options, Stopwatch(progress))
        except Exception as error:  # of one case, whatever it is: the others go on
            return failure_of(case, error)

    def compute(self, case: Case, read: Any, model: Any) -> Any:
        """Do the second part, on the engine's threads; give a result, or how it failed."""
        try:
            set_threads(self.threads)
            return self.task.compute(read, model)
        except Exception as error:
            return failure_of(case, error)

    def write(self, case: Case, read: Any, result: Any) -> Outcome:
        """Do the last part; give how the case ended."""
        try:
            self.task.write(read, result)
            document = result.document
            return outcome_of(case, document, self.task.measures(document), self.root)
        except Exception as error:
            return failure_of(case, error)
