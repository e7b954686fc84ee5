"""Registration of a population of heads to one of them, by SimpleITK.

Distance maps of the bone are matched, not the bone itself: they lead from afar to a shell a few
voxels thick. First an affine map by mean squares, then symmetric-forces demons (Vercauteren 2009).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skullfix.images.resample import world_bounds
from skullfix.images.untyped import sitk
from skullfix.networks.features import HEIGHT_MM
from skullfix.training.augment import sample_head
from skullfix.training.cache import cached_arrays
from skullfix.training.distributed import share_out
from skullfix.training.morph import Shape, Shapes
from skullfix.training.population import Case

SPACING_MM = 3.6
_EVERY = 2  # the field is kept on every second voxel
_MARGIN = 8  # voxels around the bone, but not below it, where the scan ends
_VAULT_MM = 110.0  # from the vertex down: what the centre is taken of
_NEAR_MM, _FAR_MM = -5.0, 25.0  # distances inside and outside of the bone are cut off there
_AFFINE_STEPS, _DEMONS_STEPS, _STIFFNESS = 40, 60, 2.5  # the last in voxels
_JUDGED = 0.05  # share of the voxels by which the affine map is judged
_FORMAT = 1


def register_heads(
    cases: Sequence[Case], cache: Path, progress: Callable[[str, float], None]
) -> Shapes:
    """Register heads to the one whose size is nearest to the median.

    Args:
        cases: The population.
        cache: Folder for one file a head, made when absent.
        progress: Called with a stage and the fraction done.
    """
    cache.mkdir(parents=True, exist_ok=True)
    bones = [_bone(case) for case in cases]
    extents = np.asarray([np.asarray(bone.GetSize()) for bone, _ in bones], np.float64)
    template = int(np.abs(np.log(extents / np.median(extents, 0))).sum(1).argmin())
    bone, middle = bones[template]
    fixed = _distance(bone)
    kind = _add(hashlib.sha256(f"{_FORMAT}".encode()), cases[template])

    def shape(number: int) -> Shape:
        case, (bone, centre) = cases[number], bones[number]
        digest = _add(kind.copy(), case).hexdigest()[:16]
        path = cache / f"{case.name}-{digest}-shape.npz"
        stored = cached_arrays(path, partial(_register, fixed, middle, bone, centre))
        field = torch.from_numpy(stored["field"])
        low, high = world_bounds(case.geometry)
        return Shape(centre, low - centre, high - centre, field, case.plane)

    shapes = share_out(len(cases), shape, partial(progress, "registering skulls"))
    origin = np.asarray(fixed.GetOrigin()) - middle
    return Shapes(shapes, origin, SPACING_MM * _EVERY)


def _bone(case: Case) -> tuple[Any, NDArray[np.float64]]:
    """Bone of a head within the network's field of view, uint8, and its vault's centroid."""
    head = sample_head(case, SPACING_MM, implant=False)
    rows = head.rows[head.skull > 0.5].numpy()
    rows = rows[rows[:, 0] > rows[:, 0].max() - HEIGHT_MM / SPACING_MM]
    low = rows.min(0) - [0, _MARGIN, _MARGIN]
    array = np.zeros(rows.max(0) + 1 + _MARGIN - low, np.uint8)
    array[tuple((rows - low).T)] = 1
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((SPACING_MM,) * 3)
    origin = np.asarray(head.grid.origin)
    image.SetOrigin((origin + SPACING_MM * low[::-1]).tolist())
    vault = rows[rows[:, 0] > rows[:, 0].max() - _VAULT_MM / SPACING_MM]
    return image, origin + SPACING_MM * vault.mean(0)[::-1]


def _distance(bone: Any) -> Any:
    """Signed distance to the bone's surface in mm, negative inside, cut off."""
    distance = sitk.SignedMaurerDistanceMap(
        bone, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    return sitk.Clamp(distance, sitk.sitkFloat32, _NEAR_MM, _FAR_MM)


def _register(
    fixed: Any, middle: NDArray[np.float64], bone: Any, centre: NDArray[np.float64]
) -> dict[str, NDArray[np.float32]]:
    """Find the ``field`` of a `Shape`, (3, d, h, w) float32, from the template's distances."""
    moving = _distance(bone)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(middle.tolist())
    affine.SetTranslation((centre - middle).tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums do not depend on the machine then
    method.SetMetricAsMeanSquares()
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(_JUDGED, 1)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-2, _AFFINE_STEPS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(affine, True)
    method.Execute(fixed, moving)
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(_DEMONS_STEPS)
    demons.SetStandardDeviations(_STIFFNESS)
    field = demons.Execute(fixed, sitk.Resample(moving, fixed, affine, sitk.sitkLinear, _FAR_MM))
    bend = sitk.GetArrayFromImage(field)[::_EVERY, ::_EVERY, ::_EVERY].astype(np.float64)
    z, y, x = np.indices(bend.shape[:3]) * (SPACING_MM * _EVERY)
    template = np.stack([x, y, z], -1) + np.asarray(fixed.GetOrigin())
    matrix = np.asarray(affine.GetMatrix()).reshape(3, 3)
    turned = (template + bend - middle) @ matrix.T + middle + np.asarray(affine.GetTranslation())
    offset = (turned - centre) - (template - middle)
    return {"field": np.ascontiguousarray(np.moveaxis(offset, -1, 0), np.float32)}


def _add(digest: Any, case: Case) -> Any:
    """Add a case to the digest of what a stored field depends on."""
    digest.update(repr(case.geometry).encode())
    digest.update(case.whole.numpy().tobytes())
    return digest
