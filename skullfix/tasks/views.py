"""One skull shown to the network in several ways.

Shown in another pose, the network errs elsewhere: where a wide hole leaves a surface open, the mean
of the answers lies nearer to the truth than each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skullfix.images.resample import world_bounds, world_grid
from skullfix.images.turn import rotation_about, turned
from skullfix.images.volume import Geometry
from skullfix.networks.features import ModelGrid, input_tensor
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import Backend

_SIDE, _OFFSET = 1 << 20, 1 << 19  # of the space in which indices are numbered


@dataclass(frozen=True)
class View:
    """A way to show a skull: the network's grid is turned about it.

    Attributes:
        axis: World axis of the turn: 0, 1, 2 for x, y, z (LPS).
        degrees: Its angle.
        mirrored: Whether left and right are then exchanged about the model's centre.
    """

    axis: int
    degrees: float
    mirrored: bool

    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) rotation of world offsets (x, y, z)."""
        return rotation_about(self.axis, np.radians(self.degrees))

    def grid(self, bone: Geometry, spacing: float) -> Geometry:
        """Give the turned grid of cubic voxels, `spacing` mm, that holds all of another grid."""
        turn = self.rotation()
        return turned(world_grid(*world_bounds(turned(bone, turn.T)), spacing), turn)


VIEWS = (  # the mean answer counts; heads were turned by 0.1 rad (standard deviation) in training
    View(0, -6, False),
    View(0, 6, True),
    View(1, -6, False),
    View(1, 6, True),
    View(2, -6, False),
    View(2, 6, True),
)


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


def answer_to(
    skull: Shown,
    network: SparseUNet,
    backend: Backend,
    spacing: float,
    thresholds: Sequence[float],
    *,
    mirrored: bool,
) -> tuple[Tensor, Tensor]:
    """Ask the network what it adds to a skull.

    The answer is (M, 3) indices (z, y, x) and the (M,) fraction that is added there.
    """
    centred = ModelGrid.around(skull.rows, skull.fraction, spacing)
    place = replace(centred, mirrored=mirrored)
    channels, device = network.config.in_channels, network.device
    inputs = input_tensor(skull.rows, skull.fraction, place, channels, skull.image)
    with torch.inference_mode():
        answer = network(inputs.to(device), backend, thresholds=thresholds).final.to("cpu")
        return place.indices(answer.voxels.coordinates), torch.sigmoid(answer.features[:, 0])


def joined(indices: Sequence[Tensor], values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Add up the (n, ...) values at equal (n, 3) indices; the (N, 3) indices come back sorted."""
    rows, added = torch.cat(list(indices)), torch.cat(list(values))
    z, y, x = (rows + _OFFSET).unbind(1)
    keys, place = torch.unique((z * _SIDE + y) * _SIDE + x, return_inverse=True)
    total = added.new_zeros(len(keys), *added.shape[1:]).index_add_(0, place, added)
    found = torch.stack([keys // _SIDE**2, keys // _SIDE % _SIDE, keys % _SIDE], 1)
    return found - _OFFSET, total
