"""The exceptions that skullfix raises on purpose, each with the exit code of the command line.

SkullfixError              1   the base; never raised itself
├── UsageError             2   options that cannot be obeyed
├── InputError             3   an input file or volume that cannot be used
├── WeightsError           4   a checkpoint that cannot be had or trusted
├── MemoryLimitError       5   the work does not fit, with the numbers
├── OutputError            6   an output that exists already or cannot be written
├── BatchError             7   a batch in which some case failed
└── WorkersLostError       1   a case during which worker after worker died

A message says what happened, what was expected and what was found; ``hint`` says what to do next.
Anything else that reaches the user is a fault of skullfix and leaves with exit code 1.
"""

from __future__ import annotations

from typing import ClassVar

_MEMORY_WORDS = ("out of memory", "not enough memory", "t allocate", "you tried to allocate")


class SkullfixError(Exception):
    """Base of all errors that skullfix raises on purpose.

    Args:
        message: What happened, what was expected, what was found. One or more sentences.
        hint: What the user can do about it; shown on a last line ``hint: …``.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "unexpected"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint))

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out: Python's, NumPy's, torch's on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY_WORDS)


def _rebuild(cls: type[SkullfixError], message: str, hint: str) -> SkullfixError:
    """Restore an error from a pickle (keyword arguments do not survive the default one)."""
    return cls(message, hint=hint)


class UsageError(SkullfixError):
    """Options that contradict each other or lie outside their range."""

    exit_code = 2
    code = "usage"


class InputError(SkullfixError):
    """An input that is missing, damaged, or not what the task works on."""

    exit_code = 3
    code = "bad_input"


class WeightsError(SkullfixError):
    """A checkpoint that is missing, damaged, refused or does not fit."""

    exit_code = 4
    code = "weights_unavailable"


class MemoryLimitError(SkullfixError):
    """Work that does not fit in memory or passes a cap on generated voxels."""

    exit_code = 5
    code = "not_enough_memory"


class OutputError(SkullfixError):
    """An output that exists already, or that cannot be written."""

    exit_code = 6
    code = "output_refused"


class BatchError(SkullfixError):
    """A batch in which at least one case failed, after all were tried."""

    exit_code = 7
    code = "batch_failed"


class WorkersLostError(SkullfixError):
    """A case during which worker after worker died."""

    code = "workers_lost"
