"""The accuracy table and the file of its rows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from skullfix.errors import InputError, OutputError
from skullfix.evaluation.ledger import Ledger
from skullfix.evaluation.scores import CaseScores, read_line
from skullfix.evaluation.table import ALL, accuracy_tables, case_table

ROW = CaseScores(
    "021", "bilateral", "network", "a1", 20.0, 19.5, 0.9, 0.92, 1.5, 0.99, 0.08, 0.96, 3.2
)
LOST = replace(
    ROW, case="036", dsc=0.0, bdsc=0.0, hd95=math.inf, predicted_ml=0.0, note="no | x\ny"
)


def cells(text: str, *start: str) -> list[str]:
    """The rest of the one row that begins with these cells, of the first table that has it."""
    head = "| " + " | ".join(start) + " |"
    line = next(line for line in text.splitlines() if line.startswith(head))
    return [cell.strip() for cell in line[len(head) :].strip(" |").split("|")]


def test_means_medians_and_the_worst_case() -> None:
    rows = [ROW, replace(ROW, case="047", dsc=0.6, hd95=2.5), replace(ROW, case="058", dsc=0.8)]
    found = cells(accuracy_tables(rows), "bilateral", "network", "3")
    assert found[:3] == ["0.767", "0.800", "0.600"]
    assert found[6:] == ["1.83", "1.50", "2.50"]


def test_a_case_without_an_answer_counts_and_is_named() -> None:
    found = cells(accuracy_tables([ROW, LOST]), "bilateral", "network", "2")
    assert found[0] == "0.450"
    assert found[6:] == ["1.50 (1 without answer)", "none", "none"]
    assert cells(accuracy_tables([LOST]), "bilateral", "network", "1")[6] == (
        "none (1 without answer)"
    )


def test_own_defects_and_ragged_ones_are_not_averaged_with_the_varied() -> None:
    rows = [
        replace(ROW, family=family, dsc=value)
        for family, value in (
            ("challenge", 0.1), ("bilateral", 0.8), ("irregular", 0.6), ("ragged", 0.2)
        )
    ]  # fmt: skip
    text = accuracy_tables(rows)
    assert cells(text, ALL, "network", "2")[0] == "0.700"
    assert f"`{ALL}` holds bilateral, irregular." in text
    assert ALL not in accuracy_tables(rows[:2])


def test_baselines_stand_beside() -> None:
    mirror = replace(ROW, method="mirror", source="m", dsc=0.5, skull_dsc=0.97)
    text = accuracy_tables([ROW, mirror])
    assert cells(text, "bilateral", "mirror", "1")[0] == "0.500"
    skull = text.split("\n\n")[1]
    assert cells(skull, "bilateral", "network", "1")[0] == "0.9900"
    assert cells(skull, "bilateral", "mirror", "1")[0] == "0.9700"
    assert cells(skull, "bilateral", "copied input", "1")[0] == "0.9600"


def test_tables_are_rectangular() -> None:
    text = accuracy_tables([ROW, LOST]) + "\n\n" + case_table([ROW, LOST])
    for table in (part for part in text.split("\n\n") if part.startswith("|")):
        widths = {line.count("|") for line in table.splitlines()}
        assert len(widths) == 1


def test_rows_survive_the_file_and_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cases.jsonl"
    ledger = Ledger(path)
    ledger.add(ROW)
    ledger.add(LOST)
    path.write_bytes(path.read_bytes() + ROW.line().encode()[:40])  # killed while writing
    again = Ledger(path)
    assert [again.get(row.key) for row in (ROW, LOST)] == [ROW, LOST]
    assert path.read_text() == ROW.line() + LOST.line()
    assert again.get(replace(ROW, source="other weights").key) is None
    assert Ledger(path, overwrite=True).get(ROW.key) is None
    assert path.read_text() == ""


def test_other_files_are_not_taken_for_rows(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    for text in ("hello\n", "[1]\n", '{"case": "a"}\n', '{"case": "a", "hd95": "far"}\n'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"cases\.jsonl, line 1"):
            Ledger(path)
        assert path.read_text() == text
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(InputError):
        Ledger(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        Ledger(tmp_path / "file" / "cases.jsonl")


def test_a_row_without_distance_is_null_in_json() -> None:
    assert '"hd95": null' in LOST.line()
    assert read_line(LOST.line(), "here") == LOST
