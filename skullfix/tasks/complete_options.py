"""What a user may choose for `complete`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from skullfix.errors import UsageError
from skullfix.implants.options import FitOptions
from skullfix.meshes.write import Space, check_mesh_output
from skullfix.sparse.device import DEFAULT_DEVICE

Kind = Literal["auto", "ct", "mask"]


@dataclass(frozen=True)
class CompleteOptions:
    """What a user may choose.

    Attributes:
        kind: Whether the input is a CT or a mask; ``auto`` tells by its values.
        threshold: Hounsfield units from which a CT's voxel is bone; ``auto`` picks them.
        model: None for the default, a name, ``name@version`` or a path.
        device: Where the network computes; see `skullfix.sparse.device.choose_device`.
        backend: Engine; see `skullfix.sparse.backend.get_backend`.
        mesh_format: stl, ply, obj or 3mf.
        space: Frame of the mesh: lps or ras.
        series: DICOM series to read, where a folder holds several.
        save_bone: Also write the bone mask of a CT.
        report: Also write the page and the picture of the result.
        overwrite: Whether existing outputs may be replaced.
        fit: How the solid is fitted to the hole (clearance, wall, edge, holes).
    """

    kind: Kind = "auto"
    threshold: float | Literal["auto"] = 150.0
    model: str | None = None
    device: str = DEFAULT_DEVICE
    backend: str = "auto"
    mesh_format: str = "stl"
    space: Space = "lps"
    series: str | None = None
    save_bone: bool = False
    report: bool = True
    overwrite: bool = False
    fit: FitOptions = field(default_factory=FitOptions)


def output_names(suffix: str, options: CompleteOptions) -> dict[str, str]:
    """Name the outputs: what each is to the ending of its file.

    Args:
        suffix: Of the input's format.
        options: Choose which outputs there are.
    """
    names = {
        "completed": f"_complete{suffix}",
        "implant": f"_implant{suffix}",
        "mesh": f"_implant.{options.mesh_format}",
        "result": "_result.json",
    }
    names |= {"bone": f"_bone{suffix}"} if options.save_bone else {}
    report = {"report": "_report.html", "preview": "_report.png"}
    return names | (report if options.report else {})


def check_options(options: CompleteOptions) -> None:
    """Refuse options that make no sense before anything is read."""
    if options.kind not in ("auto", "ct", "mask"):
        raise UsageError(f"--kind {options.kind} is unknown", hint="choose auto, ct or mask")
    check_mesh_output(options.mesh_format, options.space)
    if options.threshold != "auto" and not -500 <= options.threshold <= 3000:
        raise UsageError(
            f"--threshold {options.threshold:g} lies outside -500 to 3000 HU",
            hint="bone begins at about 150 HU; auto picks by histogram",
        )
