"""A run's log as a picture: loss and validation scores against steps."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from skullfix.files.whole import whole_file

SIZE = (960, 720)
_PANELS = ((70, 30, 780, 330), (70, 390, 780, 690))  # left, top, right, bottom of loss and scores
_COLORS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e5ea2", "#d68910", "#555555", "#16a2b8", "#b03a6f")
Curve = Sequence[tuple[int, float]]


def draw_curves(log: Path, path: Path) -> None:
    """Draw ``log.csv`` of a run.

    Args:
        log: Columns step, loss, scores (``name=value`` words).
        path: The PNG file, replaced atomically.
    """
    with log.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    loss = {"loss": [(int(row["step"]), float(row["loss"])) for row in rows]}
    scores: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for word in row["scores"].split():
            name, _, value = word.partition("=")
            scores.setdefault(name, []).append((int(row["step"]), float(value)))
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    last = max((int(row["step"]) for row in rows), default=1)
    for box, curves, title in zip(_PANELS, (loss, scores), ("loss", "validation"), strict=True):
        _panel(draw, box, curves, title, last)
    with whole_file(path, overwrite=True) as file:
        picture.save(file, format="PNG")


def _panel(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    curves: Mapping[str, Curve],
    title: str,
    last: int,
) -> None:
    """Draw axes, curves and their names."""
    left, top, right, bottom = box
    values = [value for curve in curves.values() for _, value in curve]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    reach = max(high - low, 1e-6)
    draw.rectangle(box, outline="#999999")
    draw.text((left, top - 16), title, fill="black")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = bottom - share * (bottom - top)
        draw.line((left, y, right, y), fill="#dddddd")
        draw.text((8, y - 6), f"{low + share * reach:.3f}", fill="black")
        draw.text((left + share * (right - left) - 10, bottom + 4), f"{share * last:.0f}", "black")
    for number, (name, curve) in enumerate(curves.items()):
        color = _COLORS[number % len(_COLORS)]
        places = [
            (left + step / last * (right - left), bottom - (value - low) / reach * (bottom - top))
            for step, value in curve
        ]
        draw.line(places, fill=color, width=2)
        for x, y in places if len(places) < 40 else ():
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=color)
        shown = f"{name} {curve[-1][1]:.3f}" if curve else name
        draw.text((right + 10, top + 16 * number), shown, fill=color)
