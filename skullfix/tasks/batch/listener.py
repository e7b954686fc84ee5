"""What a batch tells while it runs."""

from __future__ import annotations

from typing import Protocol

from skullfix.tasks.batch.case import Outcome


class Listener(Protocol):
    """Hears of a batch; called from several threads, one after the other for one case."""

    def total(self, cases: int) -> None:
        """Hear how many cases there are."""

    def note(self, text: str) -> None:
        """Hear of something beside the cases."""

    def stage(self, case: str, stage: str) -> None:
        """Hear what is being computed."""

    def ended(self, outcome: Outcome, earlier: bool) -> None:
        """Hear that a case ended, perhaps in an earlier batch."""


class Silent:
    """A listener that does nothing."""

    def total(self, cases: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def stage(self, case: str, stage: str) -> None:
        """Do nothing."""

    def ended(self, outcome: Outcome, earlier: bool) -> None:
        """Do nothing."""
