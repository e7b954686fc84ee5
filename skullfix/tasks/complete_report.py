"""The report of a completion: what the page and the picture show of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skullfix.images.volume import Volume
from skullfix.implants.fit import FittedImplant
from skullfix.meshes.solid import decimate_mesh
from skullfix.report.content import Content, Measure, ReportLayer, Section
from skullfix.report.drawing import Drawing, draw_report
from skullfix.report.preview import (
    IMPLANT,
    IVORY,
    contact_sheet,
    implant_scene,
    write_png,
)
from skullfix.tasks.report_sections import files_section, made_section
from skullfix.version import __version__

_DRAWN_MM = 0.05  # how far the drawn solid may differ from the one in the file
_COMPLETED = (150, 190, 150)


def draw_complete_report(
    bone: Volume, fitted: FittedImplant, scan: Volume | None, preview: Path
) -> Drawing:
    """Draw a completion; this needs none of the document, and may go on beside other work.

    Args:
        bone: The defective skull, bool.
        fitted: The solid and its mask.
        scan: The CT, where the input was one.
        preview: The PNG file of the picture, written here.

    Raises:
        OutputError: It cannot be written.
    """
    scene = implant_scene(bone, fitted.mask)
    drawn = decimate_mesh(fitted.mesh, _DRAWN_MM)
    layers = (
        ReportLayer("Skull", IVORY, (0,), overlay=scan is not None, alpha=0.3),
        ReportLayer("Implant", IMPLANT, (1,), mesh=drawn, target=True),
        ReportLayer("Completed skull", _COMPLETED, (0, 1), alpha=0.4, shown=False),
    )
    sheet = contact_sheet(scene, scan=scan)
    write_png(sheet, preview)
    return draw_report(scene, layers, sheet, scan=scan)


def complete_content(document: Mapping[str, Any], case: str) -> Content:
    """Put the words and numbers of a completion together.

    Args:
        document: The result document of a ``success``.
        case: Name of the case.
    """
    implant = document["implant"]
    pieces = implant["pieces"]
    x, y, z = implant["bounding_box_mm"]
    least = min(pieces, key=lambda p: p["thickness_p5"])
    gaps = [p["gap_mean"] for p in pieces if p["gap_mean"] is not None]
    undercut = sum(p["undercut_ml"] for p in pieces)
    share = undercut / max(implant["fitted_mask_volume_ml"], 1e-6)
    count = "1 piece" if len(pieces) == 1 else f"{len(pieces)} pieces"
    measures = (
        Measure("Implant volume", f"{implant['volume_ml']:.1f} ml", count),
        Measure("Size", f"{x:.0f} x {y:.0f} x {z:.0f} mm", "box along left, posterior, superior"),
        Measure(
            "Wall",
            f"{least['thickness_mean']:.1f} mm",
            f"5th percentile {least['thickness_p5']:.1f}, least {least['thickness_min']:.1f} mm",
            alert=least["thickness_p5"] < 2.0,
        ),
        Measure(
            "Gap to bone",
            f"{sum(gaps) / len(gaps):.2f} mm" if gaps else "no contact",
            f"{implant['fit']['clearance_mm']:g} mm asked for",
            alert=not gaps,
        ),
        Measure(
            "Undercut",
            f"{undercut:.2f} ml",
            f"{share:.1%} of the solid catches on the way in",
            alert=share > 0.01,
        ),
        Measure(
            "Solid",
            "printable" if implant["watertight"] else "open",
            f"closed, {implant['triangles']:,} triangles",
            alert=not implant["watertight"],
        ),
    )
    return Content(
        title="Cranial implant",
        case=case,
        summary=implant["note"],
        measures=measures,
        sections=(
            _solid(implant),
            *((_pieces(pieces),) if len(pieces) > 1 else ()),
            _fit(implant["fit"]),
            _input(document),
            made_section(document),
            files_section(document),
        ),
        warnings=tuple(document["warnings"]),
        notice=document["notice"],
        footer=f"skullfix {__version__}",
    )


def _solid(implant: Mapping[str, Any]) -> Section:
    piece = implant["pieces"][0]
    gap = piece["gap_p95"]
    rows = [
        ("Volume of the solid", f"{implant['volume_ml']:.2f} ml"),
        ("Volume of its voxels", f"{implant['fitted_mask_volume_ml']:.2f} ml"),
        ("Missing bone (mask)", f"{implant['mask_volume_ml']:.2f} ml"),
        ("Surface", f"{implant['area_mm2'] / 100:.1f} cm²"),
        (
            "Wall, mean / 5th percentile / least",
            f"{piece['thickness_mean']:.1f} / {piece['thickness_p5']:.1f} /"
            f" {piece['thickness_min']:.1f} mm",
        ),
        ("Gap, mean / 95th percentile", f"{_mm(piece['gap_mean'])} / {_mm(gap)}"),
        ("Deepest in bone", f"{piece['penetration']:.2f} mm"),
        ("Rim", f"{piece['rim_length']:.0f} mm"),
        ("Way out (left, posterior, superior)", _direction(piece["insertion"])),
        ("Undercut", f"{piece['undercut_ml']:.3f} ml"),
        ("Holes", str(piece["holes"])),
        ("Triangles", f"{implant['triangles']:,}"),
    ]
    return Section("Measures", rows)


def _pieces(pieces: list[Mapping[str, Any]]) -> Section:
    rows = [
        (
            str(number),
            f"{p['volume_ml']:.2f}",
            f"{p['thickness_p5']:.1f}",
            _mm(p["gap_mean"]),
            f"{p['undercut_ml']:.3f}",
            _direction(p["insertion"]),
        )
        for number, p in enumerate(pieces, start=1)
    ]
    head = ("Piece", "ml", "Wall p5 mm", "Gap", "Undercut ml", "Way out")
    return Section("Pieces", [head, *rows], heads=True)


def _fit(fit: Mapping[str, Any]) -> Section:
    holes = fit["holes"]
    rows = [
        ("Clearance", f"{fit['clearance_mm']:g} mm"),
        ("Least wall", "not checked" if fit["min_thickness_mm"] is None else
         f"{fit['min_thickness_mm']:g} mm, {'thickened' if fit['thicken'] else 'checked'}"),
        ("Smoothing", f"{fit['smooth_mm']:g} mm"),
        ("Edge", fit["edge"]),
        ("Holes", "none" if not holes else
         f"{holes['diameter_mm']:g} mm every {holes['spacing_mm']:g} mm"),
        ("Undercuts", "removed" if fit["fix_undercuts"] else "measured"),
        ("Decimation", f"{fit['decimate_mm']:g} mm"),
    ]  # fmt: skip
    return Section("Fit asked for", rows)


def _input(document: Mapping[str, Any]) -> Section:
    geometry = document["geometry"]
    kind = "head CT" if document["inputs"]["kind"] == "ct" else "mask of a skull"
    direction = geometry["direction"]
    rows = [
        ("Input", f"{kind}, {document['inputs']['format']}"),
        ("Voxels", " x ".join(str(n) for n in geometry["size"])),
        ("Spacing", " x ".join(f"{s:.4g}" for s in geometry["spacing"]) + " mm"),
        ("Origin (LPS)", ", ".join(f"{o:.2f}" for o in geometry["origin"]) + " mm"),
        *(
            (f"Axis {name}", ", ".join(f"{v:.4f}" for v in direction[at::3]))
            for at, name in enumerate("xyz")
        ),
    ]
    return Section("Scan", rows)


def _mm(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} mm"


def _direction(vector: tuple[float, float, float]) -> str:
    return ", ".join(f"{v:.2f}" for v in vector)
