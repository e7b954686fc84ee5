"""The journal of a batch: a line of JSON for every case begun and ended, safe on the disk."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from skullfix.errors import OutputError
from skullfix.tasks.batch.case import Key, Outcome

JOURNAL_NAME = "journal.jsonl"


class Journal:
    """The journal of one folder, read at once and then appended to; for one process at a time.

    Each line has an ``event``: ``run`` (a batch begins, with its options), ``started`` (a case may
    leave files from now on), ``done`` or ``failed`` (how it ended). A line is on the disk when the
    call that writes it returns. Half a line at the end, as a killed process leaves it, is cut off;
    other lines that cannot be read are passed over.

    Args:
        path: The file; made when absent.

    Raises:
        OutputError: It cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self._guard = threading.Lock()
        self._ended: dict[str, tuple[Key, Outcome]] = {}
        self._outputs: dict[str, set[str]] = {}
        self._started: set[str] = set()
        try:
            self._read()
            self._file: IO[bytes] = path.open("ab")
            _sync_folder(path.parent)
        except OSError as error:
            raise self._refused(error) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def last(self, case: str) -> tuple[Key, Outcome] | None:
        """Give how a case ended last, and with what; None where it never did."""
        return self._ended.get(case)

    def started(self, case: str) -> bool:
        """Tell whether a batch ever began this case here, so that its files are the batch's own."""
        return case in self._started

    def outputs(self, case: str) -> frozenset[str]:
        """Give all files that the case has ever left, below the journal's folder."""
        return frozenset(self._outputs.get(case, ()))

    def run(self, facts: Mapping[str, Any]) -> None:
        """Write that a batch begins."""
        self._append({"event": "run", **facts})

    def begin(self, case: str) -> None:
        """Write that a case begins; nothing of it may be on the disk before."""
        self._append({"event": "started", "case": case})
        self._started.add(case)

    def end(self, key: Key, outcome: Outcome) -> None:
        """Write how a case ended; all of it must be on the disk before."""
        event = "failed" if outcome.failed else "done"
        self._append(
            {"event": event, "case": outcome.case, **asdict(key), "outcome": outcome.to_dict()}
        )
        self._remember(key, outcome)

    def _append(self, line: Mapping[str, Any]) -> None:
        stamped = {**line, "time": datetime.now(UTC).isoformat(timespec="milliseconds")}
        data = json.dumps(stamped).encode() + b"\n"
        try:
            with self._guard:
                self._file.write(data)
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._refused(error) from error

    def _read(self) -> None:
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self.path, whole)
        for line in data[:whole].splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                self.damaged += 1

    def _take(self, line: Mapping[str, Any]) -> None:
        if line["event"] == "started":
            self._started.add(line["case"])
        elif line["event"] in ("done", "failed"):
            key = Key(line["input_sha256"], line["options_sha256"], line["model_sha256"])
            self._remember(key, Outcome.from_dict(line["outcome"]))

    def _remember(self, key: Key, outcome: Outcome) -> None:
        self._ended[outcome.case] = (key, outcome)
        self._outputs.setdefault(outcome.case, set()).update(outcome.outputs.values())

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(
            f"The journal {self.path} cannot be kept ({error.strerror or error}).",
            hint="Check that the folder is writable and has room; the batch can then be resumed.",
        )


def _sync_folder(folder: Path) -> None:
    """Put a new name on the disk, where the system knows how."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        with suppress(OSError):  # some network disks refuse it
            os.fsync(descriptor)
        os.close(descriptor)
