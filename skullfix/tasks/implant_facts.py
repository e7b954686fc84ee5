"""What the result document says about an implant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from skullfix.implants.fit import FittedImplant
from skullfix.implants.options import FitOptions


def implant_facts(
    fitted: FittedImplant, options: FitOptions, pieces_ml: Sequence[float]
) -> dict[str, Any]:
    """Tell the measures of a fitted implant as plain values, what is not finite as None.

    Args:
        fitted: The solid and its measures.
        options: What was asked of the fitting.
        pieces_ml: Volumes of the pieces of the anatomical mask, before fitting.

    Returns:
        ``mask_volume_ml`` is that of the mask written beside the solid, the missing bone;
        ``fitted_mask_volume_ml`` that of the voxels left after fitting; ``volume_ml`` that of the
        solid.
    """
    return {
        "pieces_ml": [round(v, 3) for v in pieces_ml],
        "mask_volume_ml": round(float(sum(pieces_ml)), 3),
        "fitted_mask_volume_ml": round(sum(p.volume_ml for p in fitted.pieces), 3),
        **asdict(fitted.measures),
        "note": solid_note(options),
        "fit": asdict(options),
        "pieces": [_finite(asdict(piece)) for piece in fitted.pieces],
    }


def solid_note(options: FitOptions) -> str:
    """Say in one line how the solid differs from the mask."""
    if options == FitOptions(clearance_mm=0.0):
        return "The solid meets the bone exactly, as the mask does."
    gap = f"has {options.clearance_mm:g} mm clearance to the bone"
    changes = [
        text
        for text, done in (
            ("smoothed", options.smooth_mm > 0),
            ("thickened", options.thicken),
            ("with a lip", options.edge == "bevel"),
            ("with holes", options.holes is not None),
            ("freed of undercuts", options.fix_undercuts),
        )
        if done
    ]
    if options.clearance_mm == 0:
        gap = "touches the bone"
    return f"The solid {', '.join([gap, *changes])}; the mask is all of the missing bone."


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in values.items()}
