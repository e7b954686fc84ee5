"""Tables of accuracy as Markdown: implants first, then skulls, with the baselines beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skullfix.evaluation.scores import CaseScores

OWN = "challenge"
"""The family of the skulls' own defects."""

APART = frozenset({OWN, "ragged", "base", "deep"})
"""Families that are not averaged under ALL: of other sizes, or newer than the published figures."""

ALL = "all varied"

_IMPLANT = (
    "| defects | method | cases | implant DSC | median | worst | bDSC 10 mm | median | worst "
    "| HD95 mm | median | worst |"
)
_SKULL = "| defects | method | cases | skull DSC | median | worst | skull RE % |"
_CASES = (
    "| case | defect | method | true ml | answer ml | implant DSC | bDSC 10 mm | HD95 mm "
    "| skull DSC | |"
)


def accuracy_tables(rows: Sequence[CaseScores]) -> str:
    """Make the tables.

    Every family is averaged over its cases; ALL over the cases of all families but APART. A case
    without an answer counts as DSC 0; its distance is left out of the mean and counted beside it.
    The implant DSC of a copied input is 0 by definition, so it stands among the skulls only.

    Args:
        rows: In any order.
    """
    families = list(dict.fromkeys(row.family for row in rows))
    groups = [(name, [r for r in rows if r.family == name]) for name in families]
    varied = [name for name in families if name not in APART]
    if len(varied) > 1:
        groups.append((ALL, [r for r in rows if r.family in varied]))
    implants, skulls = [], []
    for name, group in groups:
        for method in dict.fromkeys(row.method for row in group):
            part = [row for row in group if row.method == method]
            implants.append(_implant(name, method, part))
            skulls.append(_skull(name, method, part))
        once = {(row.case, row.family): row.copied_input_dsc for row in group}
        skulls.append(f"| {name} | copied input | {len(once)} | {_three(list(once.values()))} | |")
    text = _table(_IMPLANT, implants) + "\n\n" + _table(_SKULL, skulls)
    if len(varied) > 1:
        text += f"\n\n`{ALL}` holds {', '.join(varied)}."
    return text


def case_table(rows: Sequence[CaseScores]) -> str:
    """Make the table of every case, in the order given."""
    lines = [
        f"| {r.case} | {r.family} | {r.method} | {r.truth_ml:.2f} | {r.predicted_ml:.2f} "
        f"| {r.dsc:.3f} | {r.bdsc:.3f} | {_mm(r.hd95)} | {r.skull_dsc:.4f} | {_cell(r.note)} |"
        for r in rows
    ]
    return _table(_CASES, lines)


def _implant(name: str, method: str, rows: Sequence[CaseScores]) -> str:
    far = np.array([r.hd95 for r in rows])
    lost = int((~np.isfinite(far)).sum())
    mean = _mm(float(far[np.isfinite(far)].mean())) if lost < len(far) else "none"
    mean += f" ({lost} without answer)" if lost else ""
    near = [r.bdsc for r in rows]
    median = float(np.median(far))
    return (
        f"| {name} | {method} | {len(rows)} | {_three([r.dsc for r in rows], 3)} "
        f"| {_three(near, 3)} | {mean} | {_mm(median)} | {_mm(float(far.max()))} |"
    )


def _skull(name: str, method: str, rows: Sequence[CaseScores]) -> str:
    error = float(np.mean([r.skull_re for r in rows]))
    return (
        f"| {name} | {method} | {len(rows)} | {_three([r.skull_dsc for r in rows])} | {error:.4f} |"
    )


def _three(values: Sequence[float], digits: int = 4) -> str:
    """Mean, median and the worst of shares of which 1 is best."""
    numbers = (float(np.mean(values)), float(np.median(values)), min(values))
    return " | ".join(f"{n:.{digits}f}" for n in numbers)


def _mm(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "none"


def _cell(text: str) -> str:
    """Put free text into one cell."""
    return " ".join(text.replace("|", "/").split())


def _table(head: str, lines: Sequence[str]) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *lines])
