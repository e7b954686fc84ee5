"""Mesh a mask: any mask in, a checked solid out; fitted to a bone where one is given."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skullfix.errors import UsageError
from skullfix.files.outputs import plan_outputs, staged
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.same_grid import check_same_grid
from skullfix.images.volume import Volume
from skullfix.implants.fit import fit_implant
from skullfix.implants.options import FitOptions
from skullfix.implants.smooth import smooth_mask
from skullfix.meshes.check import check_solid
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.solid import decimate_mesh
from skullfix.meshes.surface import mask_surface
from skullfix.meshes.weld import weld
from skullfix.meshes.write import Space, check_mesh_output, write_mesh
from skullfix.tasks.document import Progress, Stopwatch, write_document
from skullfix.tasks.implant_facts import implant_facts

_WITHIN = 0.9  # share of a mask in the bone from which the bone is taken for the completed skull


@dataclass(frozen=True)
class MeshOptions:
    """What a user may choose.

    Attributes:
        fit: Without a bone only its smoothing and decimation may differ from the defaults.
        mesh_format: stl, ply, obj or 3mf.
        space: Frame of the mesh: lps or ras.
        overwrite: Whether existing outputs may be replaced.
    """

    fit: FitOptions
    mesh_format: str = "stl"
    space: Space = "lps"
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class MeshResult:
    """A solid, LPS mm, and the result document (plain values)."""

    mesh: Mesh
    document: dict[str, Any]


def mesh(
    source: Path,
    folder: Path | None,
    options: MeshOptions,
    *,
    bone: Path | None = None,
    progress: Progress | None = None,
) -> MeshResult:
    """Make a checked solid of the mask in a file and write it.

    Args:
        source: A mask: NRRD, NIfTI, MetaImage.
        folder: Where outputs go; beside the input by default.
        options: See `MeshOptions`.
        bone: The defective skull on the mask's grid, to which the solid is fitted. A completed
            skull, which holds the mask, is taken without it.
        progress: Called with the name of each stage.

    Raises:
        UsageError: An option is out of range or needs a bone.
        InputError: A mask is missing, damaged, empty, or not on the grid of the other.
        OutputError: The result is no printable solid, or a file cannot be written.
    """
    check_mesh_options(options, fitted=bone is not None)
    watch = Stopwatch(progress)
    with watch.stage("reading"):
        scan = read_scan(source)
        mask, warnings = as_mask(scan.volume)
        around, said = (None, ()) if bone is None else _bone(bone, mask)
    names = {"mesh": f".{options.mesh_format}", "result": "_result.json"}
    paths = plan_outputs(source, folder, scan.stem, names, overwrite=options.overwrite)
    volume_ml = mask.geometry.filled_ml(mask.array)
    with watch.stage("mesh"):
        if around is None:
            solid, facts = _alone(mask, volume_ml, options.fit)
        else:
            fitted = fit_implant(mask, around, options.fit)
            solid, said = fitted.mesh, (*said, *fitted.warnings)
            facts = implant_facts(fitted, options.fit, (volume_ml,))
    document: dict[str, Any] = {
        "status": "success",
        "task": "mesh",
        "inputs": {"mask": str(source)} | ({} if bone is None else {"bone": str(bone)}),
        "outputs": {name: str(path) for name, path in paths.items()},
        "geometry": asdict(mask.geometry),
        "implant": facts,
        "warnings": [*scan.warnings, *warnings, *said],
        "notice": "Research use; not a medical device.",
    }
    with staged(paths) as aside:
        with watch.stage("writing"):
            write_mesh(solid, aside["mesh"], space=options.space)
        document["seconds"] = watch.seconds
        document["peak_memory_bytes"] = watch.peak_memory_bytes
        write_document(document, aside["result"])
    return MeshResult(solid, document)


def check_mesh_options(options: MeshOptions, *, fitted: bool) -> None:
    """Refuse options that make no sense before anything is read.

    Raises:
        UsageError: One does not.
    """
    check_mesh_output(options.mesh_format, options.space)
    alone = FitOptions(smooth_mm=options.fit.smooth_mm, decimate_mm=options.fit.decimate_mm)
    if not fitted and options.fit != alone:
        raise UsageError(
            "A fit to the bone was asked for without a bone; alone, a mask can only be smoothed"
            " and decimated.",
            hint="Add --bone MASK, the skull with the hole.",
        )


def _alone(mask: Volume, volume_ml: float, fit: FitOptions) -> tuple[Mesh, dict[str, Any]]:
    """Make a solid of a mask without a bone; also its measures."""
    surface = mask_surface(smooth_mask(mask, fit.smooth_mm))
    solid = weld(decimate_mesh(surface, fit.decimate_mm))
    measures = check_solid(solid, volume_ml=volume_ml)
    return solid, {"mask_volume_ml": round(volume_ml, 3), **asdict(measures)}


def _bone(path: Path, mask: Volume) -> tuple[Volume, tuple[str, ...]]:
    """Read the bone around a mask; warnings."""
    scan = read_scan(path)
    bone, warnings = as_mask(scan.volume)
    check_same_grid("mask", mask.geometry, "bone", bone.geometry)
    bone = Volume(bone.array, mask.geometry)  # formats round differently
    shared = np.count_nonzero(bone.array & mask.array)
    if shared > _WITHIN * np.count_nonzero(mask.array):
        rest = Volume(bone.array & ~mask.array, bone.geometry)
        said = "The bone holds the mask, as a completed skull does: the mask was taken out of it."
        return rest, (*scan.warnings, *warnings, said)
    return bone, (*scan.warnings, *warnings)
