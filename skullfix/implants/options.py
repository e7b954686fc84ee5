"""What may be asked of the fitting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skullfix.errors import UsageError
from skullfix.implants.clearance import check_clearance
from skullfix.implants.holes import HolePattern
from skullfix.implants.insertion import check_direction
from skullfix.implants.smooth import check_smoothing
from skullfix.implants.thicken import check_thickness
from skullfix.meshes.solid import check_decimation

DEFAULT_CLEARANCE_MM = 0.5


@dataclass(frozen=True)
class FitOptions:
    """What is asked of the fitting; refuses values out of range when it is made.

    Attributes:
        clearance_mm: Gap to the bone all round, 0 to 5.
        min_thickness_mm: Wall thickness to check, or to reach with ``thicken``; None for neither.
        thicken: Add material on the inner side where the wall is thinner.
        smooth_mm: Standard deviation of the smoothing of the faces, 0 to 5; 0 for none.
        edge: `straight`, or `bevel` for a lip that rests on the outer table.
        holes: Pattern of holes, or None.
        insertion: `auto`, or the direction (x, y, z; LPS) along which the implant comes out.
        fix_undercuts: Take away what would catch on the way in.
        decimate_mm: How far the surface may move for fewer triangles, 0 to 1; 0 for all of them.

    Raises:
        UsageError: A value is out of range or misses its partner.
    """

    clearance_mm: float = DEFAULT_CLEARANCE_MM
    min_thickness_mm: float | None = None
    thicken: bool = False
    smooth_mm: float = 0.0
    edge: Literal["straight", "bevel"] = "straight"
    holes: HolePattern | None = None
    insertion: Literal["auto"] | tuple[float, float, float] = "auto"
    fix_undercuts: bool = False
    decimate_mm: float = 0.0

    def __post_init__(self) -> None:
        check_clearance(self.clearance_mm)
        check_smoothing(self.smooth_mm)
        check_decimation(self.decimate_mm)
        if self.min_thickness_mm is not None:
            check_thickness(self.min_thickness_mm)
        elif self.thicken:
            raise UsageError(
                "A thicker wall was asked for without a thickness.", hint="Add --min-thickness MM."
            )
        if self.insertion != "auto":
            check_direction(self.insertion)
        if self.edge not in ("straight", "bevel"):
            raise UsageError(f"The edge {self.edge!r} is unknown.", hint="straight or bevel.")
