"""Surfaces of a scene's layers, coarse enough to be drawn in a browser."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch.nn.functional import avg_pool3d

from skullfix.images.resample import LPS_AXES
from skullfix.images.volume import Geometry
from skullfix.meshes.mesh import Mesh
from skullfix.meshes.surface import cut_surface
from skullfix.report.render import Scene

_SPACING_MM = 1.6
_LEVEL = 0.4  # below one half: thin bone stays whole


def scene_surface(scene: Scene, layers: tuple[int, ...]) -> Mesh:
    """Make a surface of some of a scene's layers together.

    Args:
        scene: Layers on one grid.
        layers: Which of them; they are added up.

    Returns:
        A mesh in LPS mm, without faces where the layers are empty.
    """
    total = np.minimum(sum(scene.fractions[i] for i in layers), np.float32(1))
    spacing = scene.grid.spacing[0]
    factor = max(1, round(_SPACING_MM / spacing))
    padding = [(0, -n % factor) for n in total.shape]
    blocks = np.pad(total, padding)
    coarse = avg_pool3d(torch.from_numpy(blocks)[None], factor)[0].numpy()
    # half a voxel of blur evens the stairs; two empty layers close what the grid's end cuts
    field = ndimage.gaussian_filter(np.pad(coarse, 2), 0.6, truncate=3.0)
    step = spacing * factor
    shift = (factor - 1) / 2 * spacing - 2 * step
    x, y, z = (o + shift for o in scene.grid.origin)
    size = (field.shape[2], field.shape[1], field.shape[0])
    grid = Geometry(size, (step, step, step), (x, y, z), LPS_AXES)
    return cut_surface(field.astype(np.float32), grid.affine(), _LEVEL)
