"""What a report shows beside its words: pictures, slices and surfaces, packed for the page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skullfix.images.box import bounding_box, crop
from skullfix.images.resample import sample_onto
from skullfix.images.volume import Geometry, Volume
from skullfix.meshes.write import to_space
from skullfix.report.content import ReportLayer
from skullfix.report.pack import pack_mesh, pack_volume
from skullfix.report.preview import scene_focus
from skullfix.report.render import Scene
from skullfix.report.surfaces import scene_surface

_SCAN_WINDOW_HU = (-250.0, 1750.0)
_SCAN_STEPS = 64  # grey levels kept of a scan


@dataclass(frozen=True, eq=False)
class Drawing:
    """All of a page that needs none of its words.

    Attributes:
        jpeg: The picture, for browsers without WebGL and for paper.
        scene: The layers' grid.
        layers: What can be switched on and off.
        scan: Hounsfield units, for the slices.
        meshes: The packed surface of each layer.
        data: What the page's script reads, with each voxel of the scene.
    """

    jpeg: bytes
    scene: Scene
    layers: Sequence[ReportLayer]
    scan: Volume | None
    meshes: Sequence[dict[str, Any]]
    data: dict[str, Any]


def draw_report(
    scene: Scene,
    layers: Sequence[ReportLayer],
    picture: NDArray[np.uint8],
    *,
    scan: Volume | None = None,
) -> Drawing:
    """Pack what a report shows; it may go on beside other work.

    Args:
        scene: Of `build_scene`; its first layer is the ground of the slices without a scan.
        layers: What can be switched on and off; one of them may be the fly-in's target.
        picture: (h, w, 3) uint8.
        scan: Hounsfield units, for the slices.
    """
    meshes = [
        pack_mesh(layer.mesh if layer.mesh is not None else scene_surface(scene, layer.parts))
        for layer in layers
    ]
    jpeg = io.BytesIO()
    Image.fromarray(picture).save(jpeg, format="JPEG", quality=88)
    data = _data(scene, layers, scan, meshes, 1)
    return Drawing(jpeg.getvalue(), scene, layers, scan, meshes, data)


def thinned_data(drawing: Drawing, stride: int) -> dict[str, Any]:
    """Give what the page's script reads, with every so many voxels of the scene only."""
    if stride == 1:
        return drawing.data
    return _data(drawing.scene, drawing.layers, drawing.scan, drawing.meshes, stride)


def _data(
    scene: Scene,
    layers: Sequence[ReportLayer],
    scan: Volume | None,
    meshes: Sequence[dict[str, Any]],
    stride: int,
) -> dict[str, Any]:
    return {
        "scan": _ground(scene, scan, stride),
        "isScan": scan is not None,
        "focus": to_space(scene_focus(scene)[None], "ras")[0].tolist(),
        "layers": [
            {
                "name": layer.name,
                "color": list(layer.color),
                "shown": layer.shown,
                "alpha": round(255 * layer.alpha),
                "opacity": layer.opacity,
                "target": layer.target,
                "mesh": mesh,
                "volume": _overlay(scene, layer, stride) if layer.overlay else None,
            }
            for layer, mesh in zip(layers, meshes, strict=True)
        ],
    }


def _ground(scene: Scene, scan: Volume | None, stride: int) -> str:
    """Pack what the slices show below the layers, on the scene's grid."""
    if scan is None:
        return pack_volume(*_thinned(np.rint(255 * scene.fractions[0]), scene, stride))
    low, high = _SCAN_WINDOW_HU
    values = (sample_onto(scan, scene.grid).array - low) / (high - low)
    steps = np.rint(np.clip(values, 0, 1) * (_SCAN_STEPS - 1)) * (255 // (_SCAN_STEPS - 1))
    return pack_volume(*_thinned(steps, scene, stride))


def _overlay(scene: Scene, layer: ReportLayer, stride: int) -> str:
    """Pack the occupancy of a layer where there is any; few steps are enough for its edge."""
    total = np.minimum(sum(scene.fractions[i] for i in layer.parts), np.float32(1))
    array, geometry = _thinned(np.rint(total * 15) * 17, scene, stride)
    box = bounding_box(array, margin=1)
    part = crop(Volume(array, geometry), *box) if box else Volume(array, geometry)
    return pack_volume(part.array, part.geometry)


def _thinned(values: NDArray[Any], scene: Scene, stride: int) -> tuple[NDArray[np.uint8], Geometry]:
    """Take every so many voxels; the array and its grid."""
    part = values[::stride, ::stride, ::stride].astype(np.uint8)
    step = scene.grid.spacing[0] * stride
    size = (part.shape[2], part.shape[1], part.shape[0])
    return part, Geometry(size, (step, step, step), scene.grid.origin, scene.grid.direction)
