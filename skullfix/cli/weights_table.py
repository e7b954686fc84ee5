"""The rows of ``skullfix weights list``, as values and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from skullfix.weights.library import Library


def rows(library: Library) -> list[dict[str, Any]]:
    """Return every catalogued checkpoint as plain values, with where it is."""
    from dataclasses import asdict

    from skullfix.weights.resolve import listed, where

    found = []
    for item in listed(library):
        source, path = where(item, library)
        found.append({**asdict(item.entry), "where": source, "path": path})
    return found


def table(found: list[dict[str, Any]]) -> RenderableType:
    """Lay the rows out for a person."""
    from rich.table import Table

    if not found:
        return "The catalogue lists no checkpoint."
    laid = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("checkpoint", "task", "spacing", "size", "where", "accuracy", "licence"):
        laid.add_column(title, overflow="fold")
    for row in found:
        spacing = row["spacing_mm"]
        laid.add_row(
            f"{row['name']}@{row['version']}{' *' if row['default'] else ''}",
            row["task"],
            f"{spacing:g} mm" if spacing else "-",
            f"{row['size'] / 1e6:.1f} MB",
            "to be downloaded" if row["where"] == "remote" else row["where"],
            ", ".join(f"{key} {_short(value)}" for key, value in row["metrics"].items()) or "-",
            row["licence"],
        )
    laid.caption, laid.caption_justify = "* what its task uses by default", "left"
    return laid


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
