"""A case of a batch, what decides whether it is done, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skullfix.errors import MemoryLimitError, SkullfixError, is_out_of_memory

FAILED = "error"  # status of an outcome; the others are those of the task's own document


@dataclass(frozen=True)
class Case:
    """One input and the place of its outputs.

    Attributes:
        name: Its path below the folder of all inputs, with ``/``; what the journal calls it.
        source: The file or the DICOM folder.
        folder: Where its outputs go.
        stem: What their names begin with.
        suffix: Of images in its format.
        trouble: Why it cannot be read, where that was seen when it was found.
    """

    name: str
    source: Path
    folder: Path
    stem: str
    suffix: str
    trouble: str = ""


@dataclass(frozen=True)
class Key:
    """What a finished case depends on; it is done again when any of it has changed.

    Attributes:
        input_sha256: Of the input's files; empty where they cannot be read.
        options_sha256: Of the task and its options.
        model_sha256: Of the checkpoint.
    """

    input_sha256: str
    options_sha256: str
    model_sha256: str


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Attributes:
        case: Its name.
        status: That of the task's document (success, no_defect, …) or ``error``.
        outputs: Name of each output to its path below the batch's folder, with ``/``.
        sizes: Bytes of each output.
        measures: Figures of the result, each None where it was not measured.
        seconds: Of each stage.
        peak_memory_bytes: Largest size of the process during the case.
        warnings: Of the task.
        error: ``code``, ``message`` and ``hint`` of a failure.
    """

    case: str
    status: str
    outputs: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    measures: dict[str, float | None] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int = 0
    warnings: tuple[str, ...] = ()
    error: dict[str, str] | None = None

    @property
    def failed(self) -> bool:
        """Whether the case has no result."""
        return self.status == FAILED

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for a line of JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Outcome:
        """Read the values of `to_dict`.

        Raises:
            KeyError, TypeError: They are something else.
        """
        return Outcome(**{**values, "warnings": tuple(values["warnings"])})


def outcome_of(
    case: Case, document: Mapping[str, Any], measures: Mapping[str, float | None], root: Path
) -> Outcome:
    """Say how a case ended well.

    Args:
        case: The case.
        document: Its result document.
        measures: Figures of it for the summary.
        root: The batch's folder.
    """
    paths = {name: Path(path) for name, path in document["outputs"].items()}
    return Outcome(
        case=case.name,
        status=document["status"],
        outputs={name: path.relative_to(root).as_posix() for name, path in paths.items()},
        sizes={name: path.stat().st_size for name, path in paths.items()},
        measures=dict(measures),
        seconds=dict(document["seconds"]),
        peak_memory_bytes=int(document["peak_memory_bytes"]),
        warnings=tuple(document["warnings"]),
    )


def failure_of(case: Case, error: BaseException) -> Outcome:
    """Say how a case failed."""
    if is_out_of_memory(error):
        error = MemoryLimitError(
            f"There is not enough memory for this case. {error}".strip(),
            hint="Close other programs, or use a machine with more memory.",
        )
    if isinstance(error, SkullfixError):
        facts = {"code": error.code, "message": error.message, "hint": error.hint}
    else:
        facts = {
            "code": "unexpected",
            "message": f"{type(error).__name__}: {error}",
            "hint": "Try this case alone; if it fails again, it is a fault of skullfix: report it.",
        }
    return Outcome(case.name, FAILED, error=facts)
