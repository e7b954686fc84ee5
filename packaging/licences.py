"""Collect the licence texts of everything the desktop bundle contains: ``licences.py FILE``.

Walks the requirements of skullfix as they are installed, without extras, and writes the licence
files of each distribution one after another, Python's own first.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

NAMES = re.compile(r"(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)


def requirements(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """Add a distribution and all that it requires to ``found``, by normalised name."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key not in found:
        try:
            found[key] = distribution(name)
        except PackageNotFoundError:  # required only on another platform
            return found
        for line in found[key].requires or []:
            if "extra ==" not in line:
                requirements(re.split(r"[^A-Za-z0-9_.-]", line)[0], found)
    return found


def licence_texts(item: Distribution) -> list[str]:
    """Read the licence files of a distribution."""
    files = [file for file in item.files or [] if NAMES.search(file.name)]
    paths = [Path(str(item.locate_file(file))) for file in files if file.suffix != ".py"]
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]


def collected() -> str:
    """Return the whole text."""
    python = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    parts = [python.read_text(encoding="utf-8")] if python.is_file() else []
    for _, item in sorted(requirements("skullfix", {}).items()):
        declared = item.metadata.get("License-Expression") or item.metadata.get("License") or ""
        head = f"{item.metadata['Name']} {item.version}  {declared.partition(chr(10))[0][:70]}"
        parts.append(f"{'=' * 78}\n{head.strip()}\n{'=' * 78}")
        parts += licence_texts(item) or ["(the package brings no licence file)"]
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(collected(), encoding="utf-8")
