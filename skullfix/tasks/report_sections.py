"""Tables that the reports of all tasks share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skullfix.report.content import Section
from skullfix.version import __version__


def made_section(document: Mapping[str, Any]) -> Section:
    """Tell the model, the program, the device and the times of a result document."""
    model = document.get("model") or {}
    rows = [
        ("Model", f"{model.get('name', 'none')} {model.get('version', '')}".strip()),
        ("Weights, SHA-256", str(model.get("sha256", "none"))),
        ("Licence of the weights", str(model.get("licence", "none"))),
        ("Program", f"skullfix {__version__}"),
        ("Device", f"{document.get('device', 'cpu')}, engine {document.get('backend', 'none')}"),
        *((name.capitalize(), f"{s:.2f} s") for name, s in document.get("seconds", {}).items()),
    ]
    return Section("How it was made", rows)


def files_section(document: Mapping[str, Any]) -> Section:
    """Name the output files, without their folder."""
    rows = [(name.capitalize(), Path(path).name) for name, path in document["outputs"].items()]
    return Section("Files", rows)
