"""Engines and voxel sets, one after the other."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from voxel_set_cases import SETS, make_set

from skullfix.sparse.backend import Backend, get_backend
from skullfix.sparse.voxels import VoxelSet

ENGINES = ["reference", "cpu", *(["minkowski"] if find_spec("MinkowskiEngine") else [])]


@pytest.fixture(params=ENGINES)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every engine in turn."""
    return get_backend(request.param)


@pytest.fixture(params=sorted(SETS))
def voxels(request: pytest.FixtureRequest) -> VoxelSet:
    """Every hostile set in turn."""
    return make_set(request.param)
