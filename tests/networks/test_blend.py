"""The mean of two networks' weights."""

from __future__ import annotations

import pytest
import torch

from skullfix.networks.blend import blend
from skullfix.networks.config import NetworkConfig
from skullfix.networks.unet import SparseUNet

CONFIG = NetworkConfig("small", (2, 2, 2, 3, 3, 3, 4), decode_blocks=1, skip="inner")


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_weight_and_statistic_lies_between(share: float) -> None:
    torch.manual_seed(0)
    one, other = SparseUNet(CONFIG), SparseUNet(CONFIG)
    for network, mean in ((one, 1.0), (other, 3.0)):
        for name, buffer in network.named_buffers():
            if buffer.is_floating_point():
                buffer.fill_(mean)
            assert "running" in name or not buffer.is_floating_point()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    mixed = blend(one, other, share).state_dict()
    for name, value in one.state_dict().items():
        assert torch.equal(value, before[name])
        if value.is_floating_point():
            wanted = (1 - share) * value + share * other.state_dict()[name]
            torch.testing.assert_close(mixed[name], wanted)
    if share in (0.0, 1.0):
        source = one if share == 0 else other
        assert all(
            torch.equal(mixed[name], value)
            for name, value in source.state_dict().items()
            if value.is_floating_point()
        )
