"""The options of the fitting and of meshes, which several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from skullfix.implants.options import FitOptions

FormatOption = Annotated[str, typer.Option("--mesh-format", help="stl, ply, obj or 3mf.")]
SpaceOption = Annotated[str, typer.Option(help="Frame of the mesh: lps or ras.")]
ThicknessOption = Annotated[
    float | None, typer.Option(metavar="MM", help="Wall to check, or to reach by --thicken.")
]
ThickenOption = Annotated[bool, typer.Option("--thicken", help="Thicken thin walls inwards.")]
SmoothOption = Annotated[float, typer.Option(metavar="MM", help="Smooth the faces.")]
EdgeOption = Annotated[str, typer.Option(help="straight, or bevel (a lip on the bone).")]
HolesOption = Annotated[
    str | None, typer.Option(metavar="D@S", help="Holes of D mm every S mm, e.g. 2@10.")
]
InsertionOption = Annotated[
    str, typer.Option(help="auto, or x,y,z (LPS): the way out of the hole.")
]
UndercutsOption = Annotated[
    bool, typer.Option("--fix-undercuts", help="Take away what catches on the way in.")
]
DecimateOption = Annotated[
    float, typer.Option(metavar="MM", help="Fewer triangles, moved by at most this.")
]


def read_fitting(given: Mapping[str, Any]) -> FitOptions:
    """Read the fitting's options from the values of a command's parameters, by their names.

    Raises:
        UsageError: One is not understood or out of range.
    """
    from skullfix.tasks.fit import fit_options

    return fit_options(
        clearance_mm=given["clearance"],
        min_thickness_mm=given["min_thickness"],
        thicken=given["thicken"],
        smooth_mm=given["smooth"],
        edge=given["edge"],
        holes=given["holes"],
        insertion=given["insertion"],
        fix_undercuts=given["fix_undercuts"],
        decimate_mm=given["decimate"],
    )
