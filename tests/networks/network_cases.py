"""Inputs and networks for the tests of this room."""

from __future__ import annotations

import torch
from torch import Tensor

from skullfix.networks.config import NetworkConfig
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet

TINY = NetworkConfig("tiny", (4, 4, 6, 6, 8, 8, 8))
TINY_INNER = NetworkConfig(
    "tiny-inner", (4, 4, 6, 6, 8, 8, 8), in_channels=4, decode_blocks=2, skip="inner"
)


def make_network(config: NetworkConfig, *, keep: float = 0.0, seed: int = 5) -> SparseUNet:
    """A network in eval mode with lively weights and statistics; `keep` shifts the classifiers."""
    generator = torch.Generator().manual_seed(seed)
    network = SparseUNet(config).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("running_var", "norm.weight")):
                value.uniform_(0.5, 1.5, generator=generator)
            elif name.endswith(("running_mean", "norm.bias")):
                value.normal_(0, 0.2, generator=generator)
            elif value.is_floating_point():
                value.normal_(0, (2 / max(1, value[..., 0].numel())) ** 0.5, generator=generator)
        for classifier in network.classify:
            classifier.bias.fill_(keep)
    return network


def shell(volumes: int = 1, empty: tuple[int, ...] = (), channels: int = 1) -> SparseTensor:
    """Hollow balls with a hole, one a volume."""
    rows = []
    grid = torch.stack(torch.meshgrid(*[torch.arange(22)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for volume in range(volumes):
        if volume in empty:
            continue
        radius = (grid - torch.tensor([11.0, 10, 9])).norm(dim=1)
        hole = grid[:, volume % 3] > 14
        places = grid[(radius > 7) & (radius < 8.5) & ~hole]
        rows.append(torch.nn.functional.pad(places, (1, 0), value=volume))
    coordinates = torch.cat([torch.zeros(0, 4, dtype=torch.int64), *rows])
    voxels = VoxelSet.from_coordinates(coordinates, volumes)
    return SparseTensor(features_on(voxels, channels), voxels)


def features_on(voxels: VoxelSet, channels: int) -> Tensor:
    """Features that depend on the place in the volume alone."""
    place = voxels.coordinates[:, 1:].float()
    ones = torch.ones(len(voxels), 1)
    return torch.cat([ones, (place - 10) / 10], 1)[:, :channels]


def single(row: tuple[int, int, int, int], volumes: int = 1, channels: int = 1) -> SparseTensor:
    """One voxel."""
    voxels = VoxelSet.from_coordinates(torch.tensor([row]), volumes)
    return SparseTensor(features_on(voxels, channels), voxels)


def assert_alike(first: SparseTensor, second: SparseTensor) -> None:
    """Same values on the same voxels, but for a few whose logit lies at the threshold."""
    rows = [
        {tuple(r): i for i, r in enumerate(x.voxels.coordinates.tolist())} for x in (first, second)
    ]
    both = sorted(rows[0].keys() & rows[1].keys())
    assert len(both) >= 0.995 * max(len(rows[0]), len(rows[1]))
    values = [x.features[[r[c] for c in both]] for x, r in zip((first, second), rows, strict=True)]
    close = torch.isclose(*values, rtol=1e-4, atol=1e-4).all(1)
    assert float(close.double().mean()) > 0.97 if both else True
