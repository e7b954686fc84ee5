"""A widened network answers as the narrow one did, and its new channels learn."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from skullfix.errors import UsageError
from skullfix.networks.config import NetworkConfig
from skullfix.networks.unet import SparseUNet
from skullfix.networks.widen import widen
from skullfix.sparse.backend import get_backend
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

NARROW = NetworkConfig("narrow", (2, 3, 4, 4, 5, 5, 6), decode_blocks=2, skip="inner")
WIDE = replace(NARROW, architecture="wide", channels=(4, 3, 6, 4, 8, 5, 9))


def _ball() -> SparseTensor:
    z, y, x = torch.meshgrid(*[torch.arange(24)] * 3, indexing="ij")
    radius = ((z - 12) ** 2 + (y - 12) ** 2 + (x - 12) ** 2).float().sqrt()
    rows = ((radius < 10) & (radius > 7)).nonzero()
    voxels = VoxelSet(torch.nn.functional.pad(rows, (1, 0)).to(torch.int32), 1)
    generator = torch.Generator().manual_seed(3)
    return SparseTensor(torch.rand(len(rows), 1, generator=generator), voxels)


def _narrow() -> SparseUNet:
    torch.manual_seed(1)
    network = SparseUNet(NARROW)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    for classifier in network.classify:
        torch.nn.init.constant_(classifier.bias, 1.0)  # keep what is generated
    return network.eval()


def test_answers_are_the_same() -> None:
    backend, x, narrow = get_backend(), _ball(), _narrow()
    wide = widen(narrow, WIDE)
    with torch.inference_mode():
        before, after = narrow(x, backend).final, wide(x, backend).final
    assert torch.equal(before.voxels.coordinates, after.voxels.coordinates)
    torch.testing.assert_close(after.features, before.features, rtol=1e-5, atol=1e-5)


def test_new_channels_get_a_gradient_where_they_are_heard() -> None:
    backend, x = get_backend(), _ball()
    wide = widen(_narrow(), WIDE)
    wide(x, backend).final.features.square().sum().backward()
    gradient = wide.final.weight.grad
    assert gradient is not None
    assert bool((gradient[:, 2:] != 0).any())


@pytest.mark.parametrize(
    "config",
    [replace(WIDE, channels=(1, 3, 6, 4, 8, 5, 9)), replace(WIDE, decode_blocks=1)],
    ids=["fewer channels", "another depth"],
)
def test_another_kind_is_refused(config: NetworkConfig) -> None:
    with pytest.raises(UsageError, match="cannot be widened"):
        widen(_narrow(), config)
