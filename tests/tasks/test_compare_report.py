"""Before and after, on one page and in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.compare_report import compare_content, write_compare_report

EYE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
DOCUMENT = {
    "model": {"name": "upscale-s", "version": "1.2.3", "sha256": "ab12", "licence": "CC0"},
    "outputs": {"mesh": "/home/secret/a_upscaled.stl"},
    "seconds": {"network": 1.25},
    "warnings": ["Something to know."],
    "notice": "Research use; not a medical device.",
}


def ball(spacing: float, size: int) -> Volume:
    z, y, x = np.mgrid[:size, :size, :size] * spacing - 24.0
    geometry = Geometry((size,) * 3, (spacing,) * 3, (-24.0, -24.0, -24.0), EYE)
    return Volume(x**2 + y**2 + z**2 < 20**2, geometry)


def test_page_and_picture_are_written(tmp_path: Path) -> None:
    page, preview = tmp_path / "a_report.html", tmp_path / "a_report.png"
    before, after = ball(3.0, 17), ball(1.0, 49)
    write_compare_report(
        DOCUMENT, before, after, title="Upscaled mask", case="a", page=page, preview=preview
    )
    text = page.read_text(encoding="utf-8")
    for words in ("Upscaled mask", "upscale-s 1.2.3", "a_upscaled.stl", "Something to know."):
        assert words in text, words
    assert "secret" not in text
    assert np.asarray(Image.open(preview)).std() > 10


def test_a_large_change_of_volume_is_marked() -> None:
    content = compare_content(
        DOCUMENT, ball(3.0, 17), ball(1.0, 30), title="Upscaled mask", case="a"
    )
    assert content.measures[2].alert
    assert content.measures[2].value.startswith("-")
