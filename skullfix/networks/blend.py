"""The mean of two networks' weights."""

from __future__ import annotations

import copy

import torch

from skullfix.networks.unet import SparseUNet


@torch.no_grad()
def blend(network: SparseUNet, other: SparseUNet, share: float) -> SparseUNet:
    """Bring a network's weights and statistics towards another's.

    Between a network and what further training made of it, the mean is often as good on what was
    trained and better on what was not: WiSE-FT (Wortsman et al., 2022).

    Args:
        network: Is not changed.
        other: Of the same architecture.
        share: Of `other`, 0 to 1.

    Returns:
        A new network on the device of `network`.
    """
    mixed = copy.deepcopy(network)
    known = other.state_dict()
    for name, value in mixed.state_dict().items():
        if value.is_floating_point():
            value.lerp_(known[name].to(value), share)
    return mixed
