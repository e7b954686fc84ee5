"""One HTML file that shows a result offline: pictures, slices, 3D, measures."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from skullfix.errors import OutputError
from skullfix.files.whole import whole_file
from skullfix.report.content import Content
from skullfix.report.drawing import Drawing, thinned_data

LARGEST_BYTES = 15_000_000
_COARSER = (1, 2, 3)  # every how many voxels of the scene's grid are shown, until the page fits


def write_report(content: Content, drawing: Drawing, path: Path) -> Path:
    """Write a report: one file, no network, at most 15 MB.

    Args:
        content: Words and numbers.
        drawing: Of `draw_report`.
        path: The file to make.

    Returns:
        The path.

    Raises:
        OutputError: The file exists already, cannot be written, or would pass 15 MB.
    """
    for stride in _COARSER:
        data = thinned_data(drawing, stride)
        words = _page(content, data, drawing.jpeg)
        text = words.encode(errors="backslashreplace")  # odd file names
        if len(text) <= LARGEST_BYTES:
            with whole_file(path) as file:
                file.write(text)
            return path
    raise OutputError(
        f"The report would take {len(text) / 1e6:.0f} MB; at most {LARGEST_BYTES / 1e6:.0f} are"
        " allowed.",
        hint="Use --no-report.",
    )


def _page(content: Content, data: dict[str, Any], jpeg: bytes) -> str:
    scripts = [_asset("niivue.umd.js"), _asset("report.js")]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(_asset("report.html.j2")).render(
        content=content,
        layers=data["layers"],
        data=json.dumps(data).replace("<", "\\u003c"),
        picture=base64.b64encode(jpeg).decode(),
        style=_asset("report.css"),
        scripts=scripts,
        hashes=[
            base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            for script in scripts
        ],
    )


@cache
def _asset(name: str) -> str:
    return (files("skullfix.report") / "assets" / name).read_text(encoding="utf-8")
