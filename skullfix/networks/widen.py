"""A wider network that computes what a narrower one does, to go on learning from there.

Net2Net (Chen, Goodfellow and Shlens, 2016) with new channels that start random and unheard: what
the old channels get from them is weighted by zero, so the answers are the same at first, and the
gradient wakes them.
"""

from __future__ import annotations

from torch import Tensor

from skullfix.errors import UsageError
from skullfix.networks.config import NetworkConfig
from skullfix.networks.unet import SparseUNet


def widen(network: SparseUNet, config: NetworkConfig) -> SparseUNet:
    """Copy a network into a wider one.

    The new channels are drawn from torch's generator: seed it.

    Args:
        network: The narrower network, or one of the same widths.
        config: Of the wider one: the same in all but widths, none of them smaller; more
            channels of the input come behind the old ones.

    Returns:
        A new network in inference mode; its answers differ from the old ones by rounding.

    Raises:
        UsageError: The two are not alike, or a width is smaller.
    """
    old = network.config
    alike = (old.decode_blocks, old.skip) == (config.decode_blocks, config.skip)
    before, after = ((c.in_channels, *c.channels) for c in (old, config))
    pairs = list(zip(before, after, strict=True))
    if not alike or any(few > many for few, many in pairs):
        raise UsageError(
            f"{old.architecture} cannot be widened to {config.architecture}",
            hint="start from a network of the same kind with at most as many channels",
        )
    wide = SparseUNet(config)
    known = network.state_dict()
    wide.load_state_dict(
        {name: _placed(known[name], value) for name, value in wide.state_dict().items()}
    )
    return wide.eval()


def _placed(narrow: Tensor, fresh: Tensor) -> Tensor:
    """Put a tensor into the corner of a larger one; old outputs ignore new inputs.

    Convolutions are (taps, C_in, C_out), 1 x 1 x 1 ones (1, C_in), norms (C,).
    """
    out = fresh.clone()
    if narrow.dim() == 3:
        out[:, narrow.shape[1] :, : narrow.shape[2]] = 0
    elif narrow.dim() == 2:
        out[:, narrow.shape[1] :] = 0
    out[tuple(slice(n) for n in narrow.shape)] = narrow
    return out
