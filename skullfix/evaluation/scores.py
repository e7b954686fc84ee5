"""One line of the accuracy table: a method's answer to a case, and how it is kept in a file."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from skullfix.errors import InputError


@dataclass(frozen=True)
class CaseScores:
    """How close one answer came.

    Attributes:
        case: Name of the skull.
        family: ``challenge`` for the skull's own defect, or the family of the simulated one.
        method: ``network`` or ``mirror``.
        source: What exactly answered: the SHA-256 of the weights, or the baseline's version.
        truth_ml: Volume of the true implant.
        predicted_ml: Volume of the answer; 0 where there was none.
        dsc: Implant DSC, 0 without an answer.
        bdsc: Implant DSC within 10 mm of the defective skull.
        hd95: mm; infinite without an answer (null in a file).
        skull_dsc: DSC of the completed skull.
        skull_re: Voxels of the completed skull that are wrong, % of the grid.
        copied_input_dsc: DSC of the defective skull, handed back unchanged, as completed skull.
        seconds: Wall time of the answer.
        note: Why there is none, where there is none.
    """

    case: str
    family: str
    method: str
    source: str
    truth_ml: float
    predicted_ml: float
    dsc: float
    bdsc: float
    hd95: float
    skull_dsc: float
    skull_re: float
    copied_input_dsc: float
    seconds: float
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a second run need not measure again."""
        return self.case, self.family, self.method, self.source

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "hd95": self.hd95 if math.isfinite(self.hd95) else None}

    def line(self) -> str:
        """One line of JSON, with its end."""
        return json.dumps(self.to_dict(), allow_nan=False) + "\n"


def read_line(line: str, where: str) -> CaseScores:
    """Read what `CaseScores.line` wrote.

    Args:
        line: JSON.
        where: The place it was found in, for the error.

    Raises:
        InputError: It is something else.
    """
    try:
        values = json.loads(line)
        values["hd95"] = math.inf if values["hd95"] is None else values["hd95"]
        known: dict[str, Any] = {
            f.name: (str if f.type == "str" else float)(values[f.name]) for f in fields(CaseScores)
        }
        return CaseScores(**known)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{where} is not a line of an accuracy table: {line.strip()[:60]!r}",
            hint="use another folder, or --overwrite to begin anew",
        ) from error
