"""What a user may choose for `upscale` and `refine`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skullfix.cases.organs import ORGANS
from skullfix.errors import UsageError
from skullfix.meshes.write import Space, check_mesh_output
from skullfix.sparse.device import DEFAULT_DEVICE
from skullfix.tasks.fine import TWICE, Target

Task = Literal["upscale", "refine"]
ALL = "all"
_ENDINGS = {"upscale": "_upscaled", "refine": "_refined"}


@dataclass(frozen=True)
class FineOptions:
    """What a user may choose.

    Attributes:
        target: The grid wanted, unless `like` gives it.
        like: An image whose grid is wanted.
        coarse: The mask's true resolution in mm, where it was stored on a finer grid.
        organ: For ``refine``: one of ORGANS, or ``all`` for a label map.
        model: None for the nearest, a name, ``name@version`` or a path.
        device: Where the network computes; see `skullfix.sparse.device.choose_device`.
        backend: Engine; see `skullfix.sparse.backend.get_backend`.
        mesh: Whether a mesh is written.
        mesh_format: stl, ply, obj or 3mf.
        space: Frame of the mesh: lps or ras.
        report: Also write the page and the picture of the result.
        overwrite: Whether existing outputs may be replaced.
    """

    target: Target = TWICE
    like: Path | None = None
    coarse: float | None = None
    organ: str | None = None
    model: str | None = None
    device: str = DEFAULT_DEVICE
    backend: str = "auto"
    mesh: bool = True
    mesh_format: str = "stl"
    space: Space = "lps"
    report: bool = True
    overwrite: bool = False


def check_fine_options(task: Task, options: FineOptions) -> None:
    """Refuse options that make no sense before anything is read.

    Raises:
        UsageError: One does not.
    """
    options.target.check()
    if options.like is not None and options.target != TWICE:
        raise UsageError("--like is given beside --factor or --spacing", hint="choose one of them")
    if options.coarse is not None and not 0.5 <= options.coarse <= 12:
        raise UsageError(f"--coarse {options.coarse:g}", hint="give 0.5 to 12 mm")
    check_mesh_output(options.mesh_format, options.space)
    if task == "refine" and options.organ not in (*ORGANS, ALL):
        raise UsageError(
            f"--organ {options.organ or 'is missing'}",
            hint=f"choose one of {', '.join(ORGANS)}, or all for a label map",
        )


def fine_output_names(task: Task, suffix: str, options: FineOptions) -> dict[str, str]:
    """Name the outputs: what each is to the ending of its file."""
    ending = _ENDINGS[task]
    names = {"mask": f"{ending}{suffix}", "result": "_result.json"}
    names |= {"mesh": f"{ending}.{options.mesh_format}"} if options.mesh else {}
    return names | ({"report": "_report.html", "preview": "_report.png"} if options.report else {})
