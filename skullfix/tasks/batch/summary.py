"""The summary of a batch: a row a case, and totals; as JSON and as a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skullfix.files.whole import whole_file
from skullfix.tasks.batch.case import Case, Outcome

NOT_RUN = "not_run"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute these


def summary_rows(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome], earlier: frozenset[str]
) -> list[dict[str, Any]]:
    """Give a row for every case, those that were not tried included.

    Args:
        cases: All of them.
        outcomes: By name.
        earlier: Names of those that ended in an earlier batch.
    """
    return [_row(case, outcomes.get(case.name), case.name in earlier) for case in cases]


def _row(case: Case, outcome: Outcome | None, earlier: bool) -> dict[str, Any]:
    if outcome is None:
        outcome = Outcome(case.name, NOT_RUN)
    error = outcome.error or {}
    return {
        "case": case.name,
        "input": str(case.source),
        "status": outcome.status,
        "error_code": error.get("code", ""),
        "error": error.get("message", ""),
        "hint": error.get("hint", ""),
        "measures": outcome.measures,
        "seconds": outcome.seconds,
        "seconds_total": round(sum(outcome.seconds.values()), 3),
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "warnings": list(outcome.warnings),
        "outputs": outcome.outputs,
        "earlier": earlier,
    }


def totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count cases by status and add up their times."""
    statuses = [row["status"] for row in rows]
    return {
        "cases": len(rows),
        "statuses": {status: statuses.count(status) for status in sorted(set(statuses))},
        "failed": statuses.count("error"),
        "not_run": statuses.count(NOT_RUN),
        "earlier": sum(row["earlier"] for row in rows),
        "with_warnings": sum(bool(row["warnings"]) for row in rows),
        "seconds": round(sum(row["seconds_total"] for row in rows), 3),
        "peak_memory_bytes": max((row["peak_memory_bytes"] for row in rows), default=0),
    }


def write_json(document: Mapping[str, Any], path: Path) -> None:
    """Write the whole document.

    Raises:
        OutputError: It cannot be written.
    """
    with whole_file(path, overwrite=True) as file:
        file.write((json.dumps(document, indent=2) + "\n").encode())


def write_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write a table for spreadsheets: UTF-8, a header, one row a case.

    Raises:
        OutputError: It cannot be written.
    """
    measures = list(dict.fromkeys(name for row in rows for name in row["measures"]))
    stages = list(dict.fromkeys(stage for row in rows for stage in row["seconds"]))
    names = ["case", "status", "error_code", "error", *measures, "seconds_total"]
    names += [f"seconds_{stage}" for stage in stages]
    names += ["peak_memory_mb", "warnings", "earlier", "input"]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, names)
    table.writeheader()
    for row in rows:
        cells: dict[str, Any] = {
            name: row[name] for name in ("case", "status", "error_code", "error", "input")
        }
        cells |= row["measures"]
        cells |= {f"seconds_{stage}": value for stage, value in row["seconds"].items()}
        cells |= {
            "seconds_total": row["seconds_total"],
            "peak_memory_mb": round(row["peak_memory_bytes"] / 1e6),
            "warnings": " | ".join(row["warnings"]),
            "earlier": "yes" if row["earlier"] else "no",
        }
        table.writerow({name: _cell(value) for name, value in cells.items()})
    with whole_file(path, overwrite=True) as file:
        file.write(text.getvalue().encode("utf-8", "backslashreplace"))


def _cell(value: Any) -> Any:
    """Keep a spreadsheet from computing a text, such as a file's name."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
