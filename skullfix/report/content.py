"""What a report shows, as plain values; any task can fill it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from skullfix.meshes.mesh import Mesh
from skullfix.report.render import RGB


@dataclass(frozen=True)
class Measure:
    """A number that stands at the top of the page.

    Attributes:
        label: What it is, e.g. ``Volume``.
        value: The number as text with its unit, e.g. ``35.1 ml``.
        note: A few words below it.
        alert: Whether it calls for attention.
    """

    label: str
    value: str
    note: str = ""
    alert: bool = False


@dataclass(frozen=True)
class Section:
    """A table: a title, and rows of texts; the first row holds heads where ``heads`` says so."""

    title: str
    rows: Sequence[Sequence[str]]
    heads: bool = False


@dataclass(frozen=True)
class ReportLayer:
    """Something with a switch: drawn over the slices, in 3D, or both.

    Attributes:
        name: On its switch.
        color: Red, green, blue, 0 to 255.
        parts: Layers of the scene that it is made of, together; its overlay.
        mesh: Its surface, LPS mm; made of the scene where None.
        overlay: Whether it is drawn over the slices.
        alpha: Of the overlay, 0 to 1.
        shown: Whether its switch is on at first.
        opacity: In 3D, 0 to 1.
        target: Whether the fly-in flies to it.
    """

    name: str
    color: RGB
    parts: tuple[int, ...]
    mesh: Mesh | None = None
    overlay: bool = True
    alpha: float = 0.65
    shown: bool = True
    opacity: float = 1.0
    target: bool = False


@dataclass(frozen=True)
class Content:
    """The words and numbers of a report.

    Attributes:
        title: E.g. ``Cranial implant``.
        case: Name of the case; never a path.
        summary: One sentence below the title.
        measures: Headline numbers.
        sections: Tables below the pictures.
        warnings: Sentences.
        notice: What it is not.
        footer: Program and version.
    """

    title: str
    case: str
    summary: str
    measures: Sequence[Measure]
    sections: Sequence[Section]
    warnings: Sequence[str] = field(default_factory=tuple)
    notice: str = "Research use only. Not a medical device."
    footer: str = ""
