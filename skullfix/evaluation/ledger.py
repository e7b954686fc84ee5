"""Rows of an accuracy table in a file that grows with them and is gone on with."""

from __future__ import annotations

import os
from pathlib import Path

from skullfix.errors import InputError, OutputError
from skullfix.evaluation.scores import CaseScores, read_line
from skullfix.files.whole import whole_file


class Ledger:
    """Rows that were measured, in memory and, with a path, in a file of JSON lines.

    A line that a killed run left unfinished is dropped.

    Args:
        path: The file; its folder is made. None keeps the rows in memory alone.
        overwrite: Begin with an empty file.

    Raises:
        InputError: The file holds something else.
        OutputError: It cannot be written.
    """

    def __init__(self, path: Path | None, *, overwrite: bool = False) -> None:
        self._path = path
        self._rows: dict[tuple[str, str, str, str], CaseScores] = {}
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8") if path.exists() and not overwrite else ""
        except OSError as error:
            raise OutputError(
                f"{path} cannot be made or read: {error.strerror or error}",
                hint="choose another folder with -o",
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path} is no accuracy table", hint="use another folder, or --overwrite"
            ) from error
        whole, _, _unfinished = text.rpartition("\n")
        for number, line in enumerate(whole.splitlines(), 1):
            row = read_line(line, f"{path}, line {number},")
            self._rows[row.key] = row
        with whole_file(path, overwrite=True) as file:
            file.write("".join(row.line() for row in self._rows.values()).encode())

    def get(self, key: tuple[str, str, str, str]) -> CaseScores | None:
        """Give the row of that case, family, method and source, if it was measured."""
        return self._rows.get(key)

    def add(self, row: CaseScores) -> None:
        """Keep a row, on the disk for good when this returns.

        Raises:
            OutputError: It cannot be written.
        """
        self._rows[row.key] = row
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(row.line())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written: {error.strerror or error}",
                hint="check that the disk has room",
            ) from error
