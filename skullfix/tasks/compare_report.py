"""The report of a task that makes one mask of another: before and after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skullfix.images.volume import Volume
from skullfix.meshes.mesh import Mesh
from skullfix.report.content import Content, Measure, ReportLayer, Section
from skullfix.report.page import write_report
from skullfix.report.preview import IMPLANT, IVORY, comparison_sheet, write_png
from skullfix.report.render import Layer, build_scene
from skullfix.version import __version__


def write_compare_report(
    document: Mapping[str, Any],
    before: Volume,
    after: Volume,
    *,
    title: str,
    case: str,
    page: Path,
    preview: Path,
    mesh: Mesh | None = None,
    scan: Volume | None = None,
) -> None:
    """Draw the picture and write the page of an upscaling or a refinement.

    Args:
        document: The result document; ``geometry``, ``model``, ``seconds``, ``device``,
            ``backend``, ``outputs``, ``warnings`` and ``notice`` are shown where present, of paths
            only the last part.
        before: bool or uint8 {0, 1} (z, y, x), the coarse mask.
        after: The fine one, on its own grid.
        title: Heading, e.g. ``Upscaled mask``.
        case: Name of the case.
        page: The HTML file.
        preview: The PNG file.
        mesh: The surface that was written, LPS mm; made of the mask where None.
        scan: A CT for the slices.

    Raises:
        OutputError: A file cannot be written.
    """
    scene = build_scene([Layer(before, IVORY), Layer(after, IMPLANT)])
    sheet = comparison_sheet(before, after)
    write_png(sheet, preview)
    layers = (
        ReportLayer("Before", IVORY, (0,), shown=False),
        ReportLayer("After", IMPLANT, (1,), mesh=mesh, target=True),
    )
    content = compare_content(document, before, after, title=title, case=case)
    write_report(content, scene, layers, sheet, page, scan=scan)


def compare_content(
    document: Mapping[str, Any], before: Volume, after: Volume, *, title: str, case: str
) -> Content:
    """Put the words and numbers of an upscaling or a refinement together."""
    ml = [_ml(before), _ml(after)]
    change = ml[1] / ml[0] - 1 if ml[0] else 0.0
    return Content(
        title=title,
        case=case,
        summary=f"From {_grid(before)} to {_grid(after)}.",
        measures=(
            Measure("Volume before", f"{ml[0]:.1f} ml", _spacing(before)),
            Measure("Volume after", f"{ml[1]:.1f} ml", _spacing(after)),
            Measure("Change", f"{change:+.1%}", "of the volume", alert=abs(change) > 0.1),
        ),
        sections=(
            Section(
                "Grids",
                [
                    ("", "Before", "After"),
                    ("Voxels", _grid(before), _grid(after)),
                    ("Spacing", _spacing(before), _spacing(after)),
                    ("Origin (LPS)", *(_numbers(v.geometry.origin) for v in (before, after))),
                ],
                heads=True,
            ),
            made_section(document),
            files_section(document),
        ),
        warnings=tuple(document.get("warnings", ())),
        notice=document["notice"],
        footer=f"skullfix {__version__}",
    )


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


def _ml(mask: Volume) -> float:
    return float(np.count_nonzero(mask.array)) * mask.geometry.voxel_volume_ml


def _grid(mask: Volume) -> str:
    return " x ".join(str(n) for n in mask.geometry.size)


def _spacing(mask: Volume) -> str:
    return " x ".join(f"{s:.4g}" for s in mask.geometry.spacing) + " mm"


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{v:.2f}" for v in values)
