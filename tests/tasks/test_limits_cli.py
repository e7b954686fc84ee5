"""Inputs at the limits, through the real command: an implant, no defect, or an error that says why.

An intact skull is in test_complete_cli.py, heads that lie otherwise are in test_vault.py.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import skullfix

from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Geometry, Volume
from skullfix.images.write import write_volume


def complete(source: Path) -> tuple[int, dict[str, Any]]:
    """Run the command; nothing but the document may be left by a refusal."""
    words = ["complete", source, "-o", source.parent / "out", "--no-report", "--json"]
    done = skullfix(*words, timeout=400)
    assert "Traceback" not in done.stderr
    if done.returncode:
        assert not list((source.parent / "out").glob("*"))
    return done.returncode, json.loads(done.stdout)


@cache
def skull() -> Volume:
    return head_phantom(spacing=(1.5, 1.5, 1.5), defect=False).bone


def places() -> np.ndarray:
    """(z, y, x, 3) LPS mm of the skull's voxels."""
    geometry = skull().geometry
    axes = [o + s * np.arange(n) for o, s, n in
            zip(geometry.origin, geometry.spacing, geometry.size, strict=True)]  # fmt: skip
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    return np.stack([x, y, z], -1)


def save(array: np.ndarray, path: Path, geometry: Geometry | None = None) -> Path:
    write_volume(Volume(array.astype(np.uint8), geometry or skull().geometry), path)
    return path


def test_a_hole_of_half_the_vault_is_filled_or_refused_with_its_size(tmp_path: Path) -> None:
    at = places()
    hole = (at[..., 2] > -5) & (at[..., 0] < 0)
    code, document = complete(save(skull().array & ~hole, tmp_path / "half.nrrd"))
    if code:
        assert code == 3
        assert "cm2 of the vault are open" in document["error"]["message"]
        assert document["error"]["hint"]
    else:  # a model that can: what is open afterwards is small
        assert document["status"] == "success"
        assert document["implant"]["volume_ml"] > 60


def test_a_skull_upside_down_is_refused(tmp_path: Path) -> None:
    geometry = skull().geometry
    down = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0)
    turned = Geometry(geometry.size, geometry.spacing, (0.0, 0.0, 0.0), down)
    code, document = complete(save(skull().array, tmp_path / "down.nrrd", turned))
    assert code == 3
    assert "towards the top" in document["error"]["message"]


def test_each_of_several_holes_gets_its_piece(tmp_path: Path) -> None:
    at = places()
    middles = np.array([[64.0, 5.0, 20.0], [-64.0, 15.0, 25.0], [5.0, 20.0, 68.0]])
    hole = np.min([np.linalg.norm(at - m, axis=-1) for m in middles], 0) < 21
    code, document = complete(save(skull().array & ~hole, tmp_path / "three.nrrd"))
    assert code == 0
    assert document["status"] == "success"
    assert len(document["implant"]["pieces_ml"]) == 3


@pytest.mark.real
def test_a_scan_of_the_skull_base_alone_is_refused(real_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "base.nii.gz"
    source.write_bytes((real_data / "head_ct" / "skull_base_nonorthonormal.nii.gz").read_bytes())
    code, document = complete(source)
    assert code == 3
    assert "not a skull with a vault" in document["error"]["message"]
