"""From a cleaned implant mask to a solid that goes in, fits and prints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.errors import InputError, OutputError, UsageError
from skullfix.images.box import bounding_box, crop
from skullfix.images.volume import Volume
from skullfix.implants.bevel import bevel_lip
from skullfix.implants.clearance import is_consumed, with_clearance
from skullfix.implants.holes import RIM_MM, drill_mask, drill_mesh, place_holes
from skullfix.implants.insertion import along, find_insertion, given_insertion
from skullfix.implants.keep_out import keep_out_of_bone
from skullfix.implants.measures import gap_to_bone, penetration, rim_length
from skullfix.implants.options import FitOptions
from skullfix.implants.site import MARGIN_MM, Site, bone_centre, make_site
from skullfix.implants.smooth import smooth_implant
from skullfix.implants.thicken import thicken_implant
from skullfix.implants.thickness import measure_thickness
from skullfix.meshes.check import check_solid
from skullfix.meshes.measure import MeshMeasures
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.solid import decimate_mesh
from skullfix.meshes.specks import join_meshes, without_specks
from skullfix.meshes.surface import mask_surface
from skullfix.meshes.weld import weld

_CRUMB_ML = 0.05
_UNDERCUT_WARNING = 0.01  # share of the implant


@dataclass(frozen=True)
class PieceMeasures:
    """Measures of one piece; lengths in mm.

    Attributes:
        volume_ml: Volume of its mask.
        thickness_mean: Wall, at least 2 mm away from the rim.
        thickness_min: The same, smallest.
        thickness_p5: The same, 5th percentile.
        gap_mean: Gap between the wall of the hole and the implant, NaN without contact.
        gap_p95: The same, 95th percentile.
        rim_length: Length of the rim.
        undercut_ml: What would catch on the way in, after any fix.
        insertion: Unit vector (LPS) along which the piece comes out.
        holes: Number of holes drilled.
        penetration: How deep its surface lies in bone at most; more than a voxel is refused.
    """

    volume_ml: float
    thickness_mean: float
    thickness_min: float
    thickness_p5: float
    gap_mean: float
    gap_p95: float
    rim_length: float
    undercut_ml: float
    insertion: tuple[float, float, float]
    holes: int
    penetration: float


@dataclass(frozen=True)
class FittedImplant:
    """An implant ready to be written.

    Attributes:
        mask: bool (z, y, x) on the input's grid, without a voxel of the bone.
        mesh: Its surface, LPS mm, checked.
        measures: Of the mesh.
        pieces: One for each piece, largest first.
        warnings: Sentences for the user.
    """

    mask: Volume
    mesh: Mesh
    measures: MeshMeasures
    pieces: tuple[PieceMeasures, ...]
    warnings: tuple[str, ...]


def fit_implant(implant: Volume, bone: Volume, options: FitOptions | None = None) -> FittedImplant:
    """Fit each piece of an implant to its hole and make a checked solid.

    In this order: smooth, thicken, clearance, undercuts, lip, surface, decimation, holes, checks.

    Args:
        implant: bool or uint8 {0, 1} (z, y, x), cleaned (see `clean_implant`).
        bone: The defective skull on the same grid.
        options: What is asked; the defaults leave half a millimetre of clearance.

    Returns:
        The implant.

    Raises:
        UsageError: An option is out of range, or does not go with this implant.
        InputError: The masks are empty or not on one grid.
        OutputError: The result is not a printable solid.
    """
    wanted = options or FitOptions()
    if implant.geometry != bone.geometry:
        raise InputError("The implant and the bone are not on one grid.")
    warnings: list[str] = []
    coarsest = max(implant.geometry.spacing)
    if 0 < wanted.clearance_mm < 0.5 * coarsest:
        warnings.append(
            f"The clearance of {wanted.clearance_mm:g} mm is less than half a voxel"
            f" ({coarsest:.2g} mm): the solid may touch the bone in places."
        )
    middle = bone_centre(bone) if bone.array.any() else None
    added_mm = (wanted.min_thickness_mm or 0.0) if wanted.thicken else 0.0
    margin_mm = MARGIN_MM + added_mm
    low, near_implant, near_bone = _surroundings(implant, bone, margin_mm)
    near = np.zeros(near_bone.array.shape, bool)
    meshes: list[Mesh] = []
    pieces: list[PieceMeasures] = []
    split = _split(near_implant)
    for at, piece in enumerate(split):
        site = make_site(piece, near_bone, middle, margin_mm=margin_mm)
        others = at + 1 < len(split) or bool(meshes)
        if others and is_consumed(site, wanted.clearance_mm):
            warnings.append(_left_out(piece, wanted.clearance_mm))
            continue
        mask, mesh, measures, said = _fit_piece(site, wanted)
        near[site.box()] |= mask
        meshes.append(mesh)
        pieces.append(measures)
        warnings += [s for s in said if s not in warnings]
    if wanted.holes is not None and not any(p.holes for p in pieces):
        raise UsageError(
            f"No hole of {wanted.holes.diameter_mm:g} mm fits in the implant with {RIM_MM:g} mm"
            " left to its rim.",
            hint="Ask for smaller holes.",
        )
    together = join_meshes(meshes)
    checked = check_solid(together, volume_ml=sum(p.volume_ml for p in pieces), pieces=len(pieces))
    total = np.zeros(implant.array.shape, bool)
    z, y, x = low
    d, h, w = near_bone.geometry.shape
    total[z : z + d, y : y + h, x : x + w] = near
    return FittedImplant(
        Volume(total, implant.geometry), together, checked, tuple(pieces), tuple(warnings)
    )


def _left_out(piece: Volume, clearance_mm: float) -> str:
    ml = piece.geometry.filled_ml(piece.array)
    return (
        f"A piece of {ml:.1f} ml is not in the solid: a clearance of {clearance_mm:g} mm would take"
        " away more than half of it."
    )


def _surroundings(
    implant: Volume, bone: Volume, margin_mm: float
) -> tuple[tuple[int, int, int], Volume, Volume]:
    """Cut implant and bone to the implant's box with a margin; the first index of the cut."""
    box = bounding_box(implant.array)
    if box is None:
        raise InputError("The implant is empty: there is nothing to fit.")
    margin = [round(margin_mm / s) + 1 for s in implant.geometry.spacing[::-1]]
    shape = implant.array.shape
    low = [max(0, a - m) for a, m in zip(box[0], margin, strict=True)]
    high = [min(n, b + m) for b, m, n in zip(box[1], margin, shape, strict=True)]
    first, last = (low[0], low[1], low[2]), (high[0], high[1], high[2])
    return first, crop(implant, first, last), crop(bone, first, last)


def _split(implant: Volume) -> list[Volume]:
    """List the pieces of a mask, largest first, crumbs left out."""
    label, count = ndimage.label(implant.array.astype(bool, copy=False))
    if count == 1:
        return [implant]
    sizes = np.bincount(label.ravel())[1:]
    order = np.argsort(-sizes, kind="stable")
    least = _CRUMB_ML / implant.geometry.voxel_volume_ml
    large = [int(i) for i in order if sizes[i] >= least] or [int(order[0])]
    return [Volume(label == i + 1, implant.geometry) for i in large]


def _fit_piece(
    site: Site, options: FitOptions
) -> tuple[NDArray[np.bool_], Mesh, PieceMeasures, list[str]]:
    warnings: list[str] = []
    voxel_ml = site.geometry.voxel_volume_ml
    shaped = smooth_implant(site, site.implant, options.smooth_mm)
    mask = shaped
    if options.thicken and options.min_thickness_mm is not None:
        mask = thicken_implant(site, mask, options.min_thickness_mm)
    gap_mm = options.clearance_mm
    mask = _one_piece(with_clearance(site, mask, gap_mm))
    if options.insertion == "auto":
        insertion = find_insertion(site, mask, clearance_mm=gap_mm)
    else:
        insertion = given_insertion(site, mask, options.insertion, clearance_mm=gap_mm)
    behind_bone = insertion.undercut & ~shaped
    if behind_bone.any():  # what was added for thickness must not catch
        mask = _one_piece(mask & ~behind_bone)
        insertion = along(site, mask, insertion.direction, clearance_mm=gap_mm)
    caught = np.count_nonzero(insertion.undercut) / np.count_nonzero(mask)
    if options.fix_undercuts and caught:
        mask = _one_piece(mask & ~insertion.undercut)
        if caught > 0.5 or not mask.any():
            raise UsageError(
                f"{caught:.0%} of the implant is undercut along {insertion.direction}.",
                hint="Choose another --insertion direction, or auto.",
            )
        insertion = along(site, mask, insertion.direction, clearance_mm=gap_mm)
    elif caught > _UNDERCUT_WARNING:
        warnings.append(
            f"{caught:.1%} of the implant catches on the bone along the "
            f"{'best' if options.insertion == 'auto' else 'given'} direction;"
            " --fix-undercuts removes it."
        )
    gap = gap_to_bone(site, mask)
    thickness = measure_thickness(site, mask)
    least = options.min_thickness_mm
    if least is not None and thickness.p5 < least - 0.5 * site.voxel:
        warnings.append(
            f"The wall is thinner than {least:g} mm in places (5th percentile"
            f" {thickness.p5:.1f} mm); --thicken adds to its inner side."
        )
    undercut_ml = float(np.count_nonzero(insertion.undercut)) * voxel_ml
    if options.edge == "bevel":
        mask = bevel_lip(site, mask)
    mask = ndimage.binary_fill_holes(mask) & ~site.bone
    surface = without_specks(mask_surface(Volume(mask, site.geometry)), _CRUMB_ML)
    surface = keep_out_of_bone(site, surface)
    mesh = without_specks(decimate_mesh(surface, options.decimate_mm), _CRUMB_ML)
    holes = 0
    if options.holes is not None:
        drills = place_holes(site, mask, options.holes, insertion.direction)
        holes = len(drills)
    if options.holes is not None and holes:
        mask = drill_mask(site, mask, drills, options.holes.diameter_mm)
        mesh = without_specks(drill_mesh(mesh, drills, options.holes.diameter_mm), _CRUMB_ML)
    mesh = weld(mesh)
    deep = penetration(site, mesh)
    if deep > site.voxel + options.decimate_mm:
        raise OutputError(
            f"The implant's surface enters the bone by {deep:.2f} mm, more than one voxel.",
            hint="Ask for a larger clearance or less smoothing.",
        )
    measures = PieceMeasures(
        volume_ml=float(np.count_nonzero(mask)) * voxel_ml,
        thickness_mean=thickness.mean,
        thickness_min=thickness.minimum,
        thickness_p5=thickness.p5,
        gap_mean=gap[0],
        gap_p95=gap[1],
        rim_length=rim_length(site, insertion.direction),
        undercut_ml=undercut_ml,
        insertion=insertion.direction,
        holes=holes,
        penetration=deep,
    )
    return mask, mesh, measures, warnings


def _one_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest piece of a mask."""
    label, count = ndimage.label(mask)
    if count < 2:
        return mask
    largest: NDArray[np.bool_] = label == 1 + int(np.argmax(np.bincount(label.ravel())[1:]))
    return largest
