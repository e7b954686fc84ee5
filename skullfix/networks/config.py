"""The network's named configurations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from skullfix.errors import WeightsError

LEVELS = 7
MOST_CHANNELS = 65_536  # of a card that is believed
MOST_BLOCKS = 16


@dataclass(frozen=True)
class NetworkConfig:
    """What distinguishes one network from another.

    Attributes:
        architecture: Name in cards and catalogue.
        channels: Width of each of the seven levels, finest first.
        in_channels: Features of an input voxel; Table I has 1.
        decode_blocks: k3 convolutions at each level of the decoder; Table I has 1.
        skip: How the encoder's features join the decoder's. ``union``: added after the level's
            k3 convolution, on the union of both voxel sets (Table I, as in the authors' code).
            ``inner``: added before it, on the generated voxels alone, so that the convolution
            sees the bone at this level's detail and the decoder stays as small as its target.
    """

    architecture: str
    channels: tuple[int, ...]
    in_channels: int = 1
    decode_blocks: int = 1
    skip: Literal["union", "inner"] = "union"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a card."""
        return {**asdict(self), "channels": list(self.channels)}


CONFIGS = {
    config.architecture: config
    for config in (
        NetworkConfig("table1-ch1", (8, 8, 16, 16, 32, 32, 64)),
        NetworkConfig("table1-ch2", (22, 32, 32, 128, 156, 256, 388)),
        NetworkConfig(
            "implant-s", (8, 16, 32, 48, 64, 96, 128), in_channels=4, decode_blocks=2, skip="inner"
        ),
        NetworkConfig(
            "implant-m",
            (16, 24, 32, 48, 64, 96, 128),
            in_channels=5,
            decode_blocks=2,
            skip="inner",
        ),
        NetworkConfig(
            "implant-l",
            (16, 24, 48, 72, 96, 112, 128),
            in_channels=5,
            decode_blocks=2,
            skip="inner",
        ),
        NetworkConfig(
            "fine-s", (8, 16, 24, 32, 48, 64, 64), in_channels=3, decode_blocks=2, skip="inner"
        ),
        NetworkConfig(
            "fine-m", (16, 32, 48, 64, 64, 64, 64), in_channels=3, decode_blocks=2, skip="inner"
        ),
        NetworkConfig(
            "fine-l", (16, 32, 64, 96, 96, 96, 96), in_channels=3, decode_blocks=2, skip="inner"
        ),
        NetworkConfig(
            "fine-xl", (16, 32, 96, 128, 112, 96, 96), in_channels=3, decode_blocks=2, skip="inner"
        ),
        NetworkConfig(
            "fine-2xl",
            (32, 64, 128, 144, 112, 96, 96),
            in_channels=3,
            decode_blocks=2,
            skip="inner",
        ),
    )
}


def config_from_card(card: dict[str, Any]) -> NetworkConfig:
    """Read the configuration that a model card describes.

    Raises:
        WeightsError: The card lacks it or does not describe such a network.
    """
    try:
        channels = tuple(int(c) for c in card["channels"])
        skip: Any = card.get("skip", "union")
        inputs, blocks = int(card.get("in_channels", 1)), int(card.get("decode_blocks", 1))
        widths = (*channels, inputs)
        if len(channels) != LEVELS or not 1 <= min(widths) <= max(widths) <= MOST_CHANNELS:
            raise ValueError(f"channels {channels}, in_channels {inputs}")
        if skip not in ("union", "inner") or not 1 <= blocks <= MOST_BLOCKS:
            raise ValueError(f"skip {skip!r}, decode_blocks {blocks}")
        return NetworkConfig(str(card["architecture"]), channels, inputs, blocks, skip)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise WeightsError(
            f"the model card does not describe a network of this project: {error}",
            hint="use the card that came with the checkpoint",
        ) from error
