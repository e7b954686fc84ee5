"""A download that is not finished: its bytes, and a note of the answer that they belong to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from skullfix.weights.atomic import write_json


@dataclass(frozen=True)
class Part:
    """The unfinished file ``PATH`` and its note ``PATH.json``.

    The note says which URL and which version of the file there (its ETag or Last-Modified) the
    bytes are from. Bytes without a matching note are never continued, and a finished part is
    believed only for its hash.
    """

    path: Path

    @property
    def note(self) -> Path:
        """Path of the note."""
        return self.path.with_name(f"{self.path.name}.json")

    def resumable(self, url: str, size: int) -> tuple[int, str]:
        """Return how many bytes can be continued and their validator; (0, "") for none."""
        try:
            noted = json.loads(self.note.read_text(encoding="utf-8"))
            have = self.path.stat().st_size
            validator = noted["validator"] if noted["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return 0, ""
        if not isinstance(validator, str) or not validator or not 0 < have <= size:
            return 0, ""
        return have, validator

    def begin(self, url: str, validator: str) -> BinaryIO:
        """Empty the part, note what its bytes will belong to, and open it for writing.

        Raises:
            OSError: The folder cannot be written.
        """
        stream = self.path.open("wb")  # emptied first: an old note must not vouch for new bytes
        try:
            write_json(self.note, {"url": url, "validator": validator})
        except BaseException:
            stream.close()
            raise
        return stream

    def discard(self) -> None:
        """Delete the part and its note.

        Raises:
            OSError: One of them cannot be deleted.
        """
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
