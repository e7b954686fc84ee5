"""The report of `upscale` and `refine`: before and after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skullfix.images.volume import Volume
from skullfix.report.content import Content, Measure, ReportLayer, Section
from skullfix.report.drawing import Drawing, draw_report
from skullfix.report.preview import IMPLANT, IVORY, comparison_sheet, write_png
from skullfix.report.render import Layer, build_scene
from skullfix.tasks.report_sections import files_section, made_section
from skullfix.version import __version__

_TITLES = {"upscale": "Finer skull", "refine": "Refined organ"}


def draw_fine_report(before: Volume, after: Volume, preview: Path) -> Drawing:
    """Draw the masks; this needs none of the document, and may go on beside other work.

    Args:
        before: The mask as it came, bool.
        after: The finer one, bool.
        preview: The PNG file of the picture, written here.

    Raises:
        OutputError: It cannot be written.
    """
    scene = build_scene([Layer(before, IVORY), Layer(after, IMPLANT)])
    layers = (
        ReportLayer("Before", IVORY, (0,), shown=False),
        ReportLayer("After", IMPLANT, (1,), target=True),
    )
    sheet = comparison_sheet(scene)
    write_png(sheet, preview)
    return draw_report(scene, layers, sheet)


def fine_content(document: Mapping[str, Any], case: str) -> Content:
    """Put the words and numbers of a report together.

    Args:
        document: The result document; no path of it is shown.
        case: Name of the case.
    """
    shapes, grid = document["shapes"], document["geometry"]
    spacing = " x ".join(f"{s:.3g}" for s in grid["spacing"])
    size = " x ".join(str(n) for n in grid["size"])
    before = sum(s["volume_ml_before"] for s in shapes.values())
    after = sum(s["volume_ml"] for s in shapes.values())
    pieces = sum(s["pieces"] for s in shapes.values())
    rows = [
        (
            name,
            f"{s['volume_ml_before']:.2f}",
            f"{s['volume_ml']:.2f}",
            str(s["pieces_before"]),
            str(s["pieces"]),
        )
        for name, s in shapes.items()
    ]
    return Content(
        title=_TITLES[document["task"]],
        case=case,
        summary="; ".join(document["steps"]),
        measures=(
            Measure("Volume", f"{after:.1f} ml", f"{before:.1f} ml before"),
            Measure("Voxels", f"{spacing} mm", f"{size} of them"),
            Measure("Pieces", str(pieces)),
        ),
        sections=(
            Section(
                "Shapes",
                [("Label", "ml before", "ml after", "pieces before", "pieces after"), *rows],
                heads=True,
            ),
            Section("Steps", [(str(n), step) for n, step in enumerate(document["steps"], 1)]),
            made_section(document),
            files_section(document),
        ),
        warnings=tuple(document["warnings"]),
        notice=document["notice"],
        footer=f"skullfix {__version__}",
    )
