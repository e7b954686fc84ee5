"""One HTML file that shows a result offline: pictures, slices, 3D, measures."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from skullfix.errors import OutputError
from skullfix.files.whole import whole_file
from skullfix.images.box import bounding_box, crop
from skullfix.images.resample import sample_onto
from skullfix.images.volume import Geometry, Volume
from skullfix.meshes.write import to_space
from skullfix.report.content import Content, ReportLayer
from skullfix.report.pack import pack_mesh, pack_volume
from skullfix.report.preview import scene_focus
from skullfix.report.render import Scene
from skullfix.report.surfaces import scene_surface

LARGEST_BYTES = 15_000_000
_SCAN_WINDOW_HU = (-250.0, 1750.0)
_SCAN_STEPS = 64  # grey levels kept of a scan
_COARSER = (1, 2, 3)  # every how many voxels of the scene's grid are shown, until the page fits


def write_report(
    content: Content,
    scene: Scene,
    layers: Sequence[ReportLayer],
    picture: NDArray[np.uint8],
    path: Path,
    *,
    scan: Volume | None = None,
) -> Path:
    """Write a report: one file, no network, at most 15 MB.

    Args:
        content: Words and numbers.
        scene: Of `build_scene`; its first layer is the ground of the slices without a scan.
        layers: What can be switched on and off; one of them may be the fly-in's target.
        picture: (h, w, 3) uint8, for browsers without WebGL and for paper.
        path: The file to make.
        scan: Hounsfield units, for the slices.

    Returns:
        The path.

    Raises:
        OutputError: The file exists already, cannot be written, or would pass 15 MB.
    """
    meshes = [
        pack_mesh(layer.mesh if layer.mesh is not None else scene_surface(scene, layer.parts))
        for layer in layers
    ]
    for stride in _COARSER:
        data = {
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
        text = _page(content, data, picture).encode(errors="backslashreplace")  # odd file names
        if len(text) <= LARGEST_BYTES:
            with whole_file(path) as file:
                file.write(text)
            return path
    raise OutputError(
        f"The report would take {len(text) / 1e6:.0f} MB; at most {LARGEST_BYTES / 1e6:.0f} are"
        " allowed.",
        hint="Use --no-report.",
    )


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


def _page(content: Content, data: dict[str, Any], picture: NDArray[np.uint8]) -> str:
    image = io.BytesIO()
    Image.fromarray(picture).save(image, format="JPEG", quality=88)
    scripts = [_asset("niivue.umd.js"), _asset("report.js")]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(_asset("report.html.j2")).render(
        content=content,
        layers=data["layers"],
        data=json.dumps(data).replace("<", "\\u003c"),
        picture=base64.b64encode(image.getvalue()).decode(),
        style=_asset("report.css"),
        scripts=scripts,
        hashes=[
            base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            for script in scripts
        ],
    )


@cache
def _asset(name: str) -> str:
    return (files("skullfix.report") / "assets" / name).read_text(encoding="utf-8")
