"""The fitting's options as a person gives them."""

from __future__ import annotations

from typing import Any

from skullfix.errors import UsageError
from skullfix.implants.holes import parse_holes
from skullfix.implants.options import FitOptions


def fit_options(*, holes: str | None, insertion: str, **values: Any) -> FitOptions:
    """Read the options.

    Args:
        holes: ``DIAMETER@SPACING`` or None.
        insertion: ``auto`` or ``x,y,z``.
        values: The other fields of `FitOptions`.

    Raises:
        UsageError: One is not understood or out of range.
    """
    return FitOptions(
        holes=parse_holes(holes) if holes else None, insertion=_direction(insertion), **values
    )


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
