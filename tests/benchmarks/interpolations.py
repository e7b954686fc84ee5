"""Plain interpolations of a coarse mask, the peers of `upscale` and `refine`."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from skullfix.cases.coarsen import FULL, coarsen, coarsen_ragged
from skullfix.images.volume import Geometry, Volume
from skullfix.tasks.fine import CUT, field_on, fine_field
from skullfix.tasks.fine_models import FineModels

METHODS = ("nearest", "linear", "b-spline", "distance")


def image(array: NDArray[np.float32], grid: Geometry) -> sitk.Image:
    """Give an array as an ITK image."""
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(grid.spacing)
    made.SetOrigin(grid.origin)
    made.SetDirection(grid.direction)
    return made


def made_coarse(mask: Volume, spacing: float, *, ragged: bool) -> Volume:
    """Make a mask coarse by area, or as a fast segmentation does."""
    return coarsen_ragged(mask, spacing, 0) if ragged else coarsen(mask, spacing)


def interpolate(mask: Volume, grid: Geometry, method: str) -> NDArray[np.bool_]:
    """Bring a mask to a grid without a network."""
    source = image(mask.array.astype(np.float32), mask.geometry)
    kind = {"nearest": sitk.sitkNearestNeighbor, "b-spline": sitk.sitkBSpline}
    if method == "distance":  # zero halfway between the last voxel inside and the first outside
        step = mask.geometry.spacing[::-1]
        inside = distance_transform_edt(mask.array, step)
        outside = distance_transform_edt(~mask.array, step)
        source = image((inside - outside).astype(np.float32), mask.geometry)
    target = image(np.zeros((1, 1, 1), np.float32), grid)
    made = sitk.Resample(
        source, grid.size, sitk.Transform(), kind.get(method, sitk.sitkLinear),
        target.GetOrigin(), target.GetSpacing(), target.GetDirection(),
        -99.0 if method == "distance" else 0.0,
    )  # fmt: skip
    level = 0.0 if method == "distance" else FULL
    return sitk.GetArrayFromImage(made) >= level


def by_network(
    mask: Volume, grid: Geometry, models: FineModels, spacing: float, ratio: float
) -> NDArray[np.bool_]:
    """Bring a mask to a grid with the network, as the command does."""
    choice = models.choose(spacing, ratio)
    part, where = field_on(fine_field(mask, choice.model, choice.factor), grid)
    answer = np.zeros(grid.shape, bool)
    if where is not None:
        answer[where] = part.array >= choice.model.cut(CUT)
    return answer
