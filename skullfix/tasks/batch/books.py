"""Where the ends of cases are written down: the journal, the outcomes, the listener."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from skullfix.tasks.batch.admit import Admission
from skullfix.tasks.batch.case import Outcome
from skullfix.tasks.batch.journal import Journal
from skullfix.tasks.batch.listener import Listener


@dataclass(eq=False)
class Books:
    """What has ended so far.

    Attributes:
        journal: Of the folder.
        root: The folder.
        listener: Hears of every end.
        outcomes: Of all cases that ended, by name.
        earlier: Names of those that ended in an earlier batch.
    """

    journal: Journal
    root: Path
    listener: Listener
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    earlier: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, admission: Admission) -> None:
        """Write that a case may leave files from now on."""
        self.journal.begin(admission.case.name)

    def end(self, admission: Admission, outcome: Outcome, *, earlier: bool = False) -> None:
        """Write how a case ended, and remove what an earlier result left beside it.

        Raises:
            OutputError: The journal cannot be kept.
        """
        with self._guard:
            if earlier:
                self.earlier.add(outcome.case)
            else:
                if not outcome.failed:
                    stale = self.journal.outputs(outcome.case) - set(outcome.outputs.values())
                    for path in stale:
                        self._remove(path)
                self.journal.end(admission.key, outcome)
            self.outcomes[outcome.case] = outcome
            self.listener.ended(outcome, earlier)

    def _remove(self, path: str) -> None:
        """Remove a file of ours; a journal that names files elsewhere is not obeyed."""
        file = (self.root / path).resolve()
        if self.root.resolve() in file.parents:
            with suppress(OSError):
                file.unlink()
