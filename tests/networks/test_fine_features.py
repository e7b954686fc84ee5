"""The voxels by which a network for super-resolution is shown a coarse mask."""

from __future__ import annotations

import torch

from skullfix.images.finer import fine_features
from skullfix.networks.fine_features import fine_tensor


def test_only_what_the_mask_reaches_enters() -> None:
    coarse = torch.zeros(4, 4, 4)
    coarse[1, 2, 1] = 1
    features = fine_features(coarse, (2.0,) * 3, (8, 8, 8))
    tensor = fine_tensor(features, low=(2, 4, 6))
    assert len(tensor.voxels) == int((features[0] > 0).sum()) == 4**3
    rows = tensor.voxels.coordinates[:, 1:].long() - torch.tensor([2, 4, 6])
    torch.testing.assert_close(tensor.features, features[:, rows[:, 0], rows[:, 1], rows[:, 2]].T)
    assert torch.equal(tensor.voxels.keys, tensor.voxels.keys.unique())
