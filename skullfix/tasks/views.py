"""One skull shown to the network in several ways; the mean answer counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skullfix.networks.features import ModelGrid, input_tensor
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import Backend

VIEWS = (  # (left and right exchanged?, whole voxels (z, y, x) moved): the mean answer counts
    (False, (0, 0, 0)),
    (True, (0, 0, 0)),
    (False, (3, -2, 2)),
    (True, (-2, 3, -3)),
)
_SIDE, _OFFSET = 1 << 20, 1 << 19  # of the space in which indices are numbered


@dataclass(frozen=True, eq=False)
class Shown:
    """What is shown to the network.

    Attributes:
        rows: (N, 3) int64 sorted indices (z, y, x).
        fraction: (N,) of bone in each.
        image: (N,) of the mirror image, for a network that sees it.
    """

    rows: Tensor
    fraction: Tensor
    image: Tensor | None = None


def mean_answer(
    skull: Shown,
    network: SparseUNet,
    backend: Backend,
    spacing: float,
    thresholds: Sequence[float],
) -> tuple[Tensor, Tensor]:
    """Average the network's answers over VIEWS: what it adds to a skull.

    The answer is (M, 3) sorted indices (z, y, x) and the (M,) fraction that is added there.
    """
    centred = ModelGrid.around(skull.rows, skull.fraction, spacing)
    channels, device = network.config.in_channels, next(network.parameters()).device
    indices, values = [], []
    for mirrored, shift in VIEWS:
        place = replace(centred.moved(np.asarray(shift)), mirrored=mirrored)
        inputs = input_tensor(skull.rows, skull.fraction, place, channels, skull.image)
        with torch.inference_mode():
            answer = network(inputs.to(device), backend, thresholds=thresholds).final.to("cpu")
            values.append(torch.sigmoid(answer.features[:, 0]) / len(VIEWS))
        indices.append(place.indices(answer.voxels.coordinates))
    return joined(indices, values)


def joined(indices: Sequence[Tensor], values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Add up the (n, ...) values at equal (n, 3) indices; the (N, 3) indices come back sorted."""
    rows, added = torch.cat(list(indices)), torch.cat(list(values))
    z, y, x = (rows + _OFFSET).unbind(1)
    keys, place = torch.unique((z * _SIDE + y) * _SIDE + x, return_inverse=True)
    total = added.new_zeros(len(keys), *added.shape[1:]).index_add_(0, place, added)
    found = torch.stack([keys // _SIDE**2, keys // _SIDE % _SIDE, keys % _SIDE], 1)
    return found - _OFFSET, total
