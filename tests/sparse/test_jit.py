"""Set-ups in which kernels cannot be kept, or cannot be compiled at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skullfix

ENGINE = """
import torch
from skullfix.cli.first_run import announce_first_run, kernel_cache
from skullfix.sparse.backend import get_backend
from skullfix.sparse.voxels import VoxelSet

announce_first_run("auto", 2, print)
backend = get_backend()
voxels = VoxelSet.from_coordinates(torch.tensor([[0, 2, 3, 5], [0, 4, 4, 4]]))
print(backend.name, kernel_cache(), backend.downsample(voxels).coordinates.tolist())
"""
COARSE = "[[0, 1, 1, 2], [0, 2, 2, 2]]"


def _run(program: str, folder: Path, **environment: str) -> list[str]:
    """Lines that a program prints which imports from a folder first."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform == "win32", reason="the user's cache lies elsewhere there")
def test_where_no_folder_can_be_written(tmp_path: Path) -> None:
    """A copy whose __pycache__ is a file, as are the other places: root cannot write there."""
    copy, file = tmp_path / "skullfix", tmp_path / "file"
    for room in ("sparse", "cli"):
        source = Path(skullfix.__file__).parent / room
        shutil.copytree(source, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "errors.py", "version.py"):
        shutil.copy(Path(skullfix.__file__).parent / name, copy)
    file.touch()
    (copy / "sparse" / "cpu" / "__pycache__").touch()
    places = dict.fromkeys(("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"), str(file / "cache"))
    said, result = _run(ENGINE, tmp_path, PYTHONDONTWRITEBYTECODE="1", **places)
    assert "compiled at every run" in said
    assert "NUMBA_CACHE_DIR" in said
    assert result == f"cpu KernelCache(folder=None, compiled=False) {COARSE}"


def test_where_numba_cannot_be_imported(tmp_path: Path) -> None:
    """`reference` takes over, and says so once; asking for `cpu` is refused with the reason."""
    broken = tmp_path / "numba"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('needs another NumPy')")
    program = """
from skullfix.cli.info import check
from skullfix.errors import UsageError
from skullfix.meshes.intersect import self_intersections
from skullfix.meshes.mesh import Mesh
from skullfix.sparse.backend import get_backend
from skullfix.sparse.threads import set_threads
import numpy as np

print(set_threads(1))
try:
    get_backend("cpu")
except UsageError as error:
    print(error.message)
vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, -1], [1, 1, 1], [2, 1, 1.0]])
print(self_intersections(Mesh(vertices, np.array([[0, 1, 2], [3, 4, 5]]))).tolist())
print(check()["kernels"])
"""
    said, result, threads, refused, crossing, checked = _run(ENGINE + program, tmp_path)
    assert said == "numba cannot be imported: the engine 'reference' runs, which is slower"
    assert result == f"reference None {COARSE}"
    assert threads == "1"
    assert refused == "backend 'cpu' needs numba, which cannot be imported"
    assert crossing == "[[0, 1]]"
    assert checked.startswith("numba cannot be imported")


def test_a_variable_that_numba_refuses_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skullfix", "info"],
        env={**os.environ, "NUMBA_NUM_THREADS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "numba refuses its environment variables" in done.stderr
    assert "NUMBA_NUM_THREADS" in done.stderr
