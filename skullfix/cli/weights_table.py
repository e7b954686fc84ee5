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
        here = "to be downloaded" if row["where"] == "remote" else row["where"]
        name, *facts = _cells(row)
        laid.add_row(f"{name}{' *' if row['default'] else ''}", *facts[:3], here, *facts[3:])
    laid.caption, laid.caption_justify = "* what its task uses by default", "left"
    return laid


def markdown_table(found: list[dict[str, Any]]) -> str:
    """Lay the released rows out for the README; nothing in it depends on the machine."""
    lines = ["| checkpoint | task | spacing | size | accuracy | licence |", "|" + " --- |" * 6]
    for row in found:
        if row["where"] != "imported":
            name, *facts = _cells(row)
            cells = [f"{name}{' (default)' if row['default'] else ''}", *facts]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str, str, str]:
    """Write a row: reference, task, spacing, size, accuracy, licence."""
    spacing = row["spacing_mm"]
    return (
        f"{row['name']}@{row['version']}",
        row["task"],
        f"{spacing:g} mm" if spacing else "-",
        f"{row['size'] / 1e6:.1f} MB",
        ", ".join(f"{key} {_short(value)}" for key, value in row["metrics"].items()) or "-",
        row["licence"],
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
