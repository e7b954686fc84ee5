"""Devices by name, and sets and tensors that move between them."""

from __future__ import annotations

import pytest
import torch
from voxel_set_cases import make_set, random_features

from skullfix.errors import UsageError
from skullfix.sparse.backend import get_backend
from skullfix.sparse.cuda import available
from skullfix.sparse.cuda.available import CUDA_ENGINES
from skullfix.sparse.device import choose_device
from skullfix.sparse.tensor import SparseTensor


@pytest.mark.parametrize("backend", ["auto", "cpu", "reference"])
def test_the_cpu(backend: str) -> None:
    assert choose_device("cpu", backend).type == "cpu"
    if backend != "auto" or not torch.cuda.is_available():
        assert choose_device("auto", backend).type == "cpu"


@pytest.mark.parametrize("name", ["gpu", "meta", "", "cuda:x", "xpu"])
def test_no_such_device(name: str) -> None:
    with pytest.raises(UsageError, match="no device"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_no_cuda_here(name: str) -> None:
    with pytest.raises(UsageError, match="CUDA") as caught:
        choose_device(name)
    assert "--device cpu" in str(caught.value.hint)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an Apple GPU")
def test_no_mps_here() -> None:
    with pytest.raises(UsageError, match="mps"):
        choose_device("mps")


def test_a_tensor_moves_with_its_voxels() -> None:
    voxels = make_set("several-volumes")
    here = SparseTensor(random_features(voxels, 2), voxels)
    assert here.to("cpu") is here
    there = here.to("meta")
    assert (there.features.device.type, there.voxels.device.type) == ("meta", "meta")
    assert there.features.shape == here.features.shape
    assert there.voxels.batch_size == voxels.batch_size
    assert there.voxels.index is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("name", CUDA_ENGINES)
@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_no_engine_for_cuda_here(name: str, device: str) -> None:
    with pytest.raises(UsageError, match="CUDA") as caught:
        get_backend(name, device)
    assert "--device cpu" in str(caught.value.hint)


def test_a_gpu_without_triton_runs_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "missing_device", lambda: None)
    monkeypatch.setattr(available, "missing_triton", lambda: "Triton is not installed")
    monkeypatch.setattr("skullfix.sparse.backend.missing_device", lambda: None)
    assert get_backend("auto", "cuda:0").name == "reference"
    with pytest.raises(UsageError, match="Triton is not installed") as caught:
        get_backend("cuda", "cuda:0")
    assert "pip install triton" in str(caught.value.hint)


def test_a_gpu_with_triton_runs_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="Triton is not installed (`make test-gpu` does)")
    monkeypatch.setattr(available, "missing_device", lambda: None)
    assert get_backend("auto", "cuda:0").name == "cuda"
    assert get_backend("auto", "cpu").name != "cuda"
    assert get_backend("cuda-bf16", "cuda").name == "cuda-bf16"
    with pytest.raises(UsageError, match="cannot run on cpu"):
        get_backend("cuda", "cpu")


def test_an_apple_gpu_runs_the_reference() -> None:
    assert get_backend("auto", "mps").name == "reference"
