"""Checkpoints: weights in safetensors, everything else in a JSON card beside them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from skullfix.errors import WeightsError
from skullfix.networks.config import config_from_card
from skullfix.networks.unet import SparseUNet


def card_path(path: Path) -> Path:
    """Return the card's place: beside the checkpoint, suffix ``.json``."""
    return path.with_suffix(".json")


def save_checkpoint(network: SparseUNet, card: dict[str, Any], path: Path) -> Path:
    """Write a network and its card, each atomically, the card last.

    Args:
        network: In whatever mode; parameters and running statistics are stored.
        card: Goes into the card, completed by the network's configuration.
        path: ``NAME.safetensors``.
    """
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    temporary = path.with_name(f".{path.name}.tmp")
    save_file(tensors, temporary, {"format": "skullfix"})
    temporary.replace(path)
    text = json.dumps({**card, **network.config.to_dict()}, indent=2, sort_keys=True)
    temporary = card_path(path).with_name(f".{card_path(path).name}.tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(card_path(path))
    return path


def load_network(path: Path, card: dict[str, Any]) -> SparseUNet:
    """Read a network for inference.

    Args:
        path: A safetensors file.
        card: Its card; names the configuration.

    Raises:
        WeightsError: The file is damaged or is not what the card says.
    """
    network = SparseUNet(config_from_card(card))
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"{path} does not hold the network of its card: {str(error)[:300]}",
            hint="fetch it again with skullfix weights pull",
        ) from error
    return network.eval()
