"""The summary of a batch as a page: thumbnails, figures, links to the reports."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined, Template
from PIL import Image

from skullfix.files.whole import whole_file

THUMBNAIL = 320  # pixels of the side
_MAX_PIXELS = 2**25  # of a picture of ours; a larger one is something else


def write_page(document: Mapping[str, Any], root: Path, path: Path) -> None:
    """Write the summary as one HTML file; its links are relative to the batch's folder.

    Args:
        document: The summary.
        root: The batch's folder.
        path: The file.

    Raises:
        OutputError: It cannot be written.
    """
    pictures = {row["case"]: _thumbnail(root, row["outputs"]) for row in document["cases"]}
    measures = dict.fromkeys(name for row in document["cases"] for name in row["measures"])
    text = _template().render(
        summary=document, pictures=pictures, measures=measures, link=_link, heading=_heading
    )
    with whole_file(path, overwrite=True) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = files("skullfix.tasks.batch").joinpath("summary.html.j2").read_text("utf-8")
    return environment.from_string(source)


def _thumbnail(root: Path, outputs: Mapping[str, str]) -> str:
    """Give a case's picture as a small JPEG in a data address; empty where there is none."""
    picture = next((p for p in outputs.values() if p.endswith(".png")), None)
    if picture is None:
        return ""
    try:
        with Image.open(root / picture) as image:
            if image.width * image.height > _MAX_PIXELS:
                return ""
            small = image.convert("RGB")
            small.thumbnail((THUMBNAIL, THUMBNAIL))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ""  # it was taken away or changed; the table says the rest
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=72)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _link(outputs: Mapping[str, str], *endings: str) -> str:
    """Give the address of the first output with one of these endings; empty where none has."""
    for ending in endings:
        for path in outputs.values():
            if path.endswith(ending):
                return quote(path, errors="surrogateescape")
    return ""


def _heading(measure: str) -> str:
    """Write a measure's name with its unit apart: ``gap_mean_mm`` to ``gap mean, mm``."""
    name, _, unit = measure.rpartition("_")
    return f"{name.replace('_', ' ')}, {unit}"
