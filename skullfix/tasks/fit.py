"""The fitting's options as a person gives them."""

from __future__ import annotations

from typing import Any

from skullfix.errors import UsageError
from skullfix.implants.fit import FitOptions
from skullfix.implants.holes import parse_holes

_AS_IT_IS = FitOptions(clearance_mm=0.0)


def fit_options(*, holes: str | None, insertion: str, **values: Any) -> FitOptions | None:
    """Read the options; None when nothing differs from an implant that meets the bone exactly.

    Args:
        holes: ``DIAMETER@SPACING`` or None.
        insertion: ``auto`` or ``x,y,z``.
        values: The other fields of `FitOptions`.

    Raises:
        UsageError: One is not understood.
    """
    options = FitOptions(
        holes=parse_holes(holes) if holes else None, insertion=_direction(insertion), **values
    )
    return None if options == _AS_IT_IS else options


def _direction(text: str) -> Any:
    """Read ``auto`` or three numbers."""
    if text == "auto":
        return "auto"
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"the insertion {text!r} is not understood", hint="write auto, or x,y,z (LPS)"
        ) from error
    return (x, y, z)
