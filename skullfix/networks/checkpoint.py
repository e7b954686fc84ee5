"""Checkpoints: weights in safetensors, everything else in a JSON card beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from skullfix.errors import WeightsError
from skullfix.files.whole import whole_file
from skullfix.networks.config import config_from_card
from skullfix.networks.unet import SparseUNet

BESIDE = "beside."
"""Start of the names of tensors that a checkpoint holds beside its network's."""


def card_path(path: Path) -> Path:
    """Return the card's place: beside the checkpoint, suffix ``.json``."""
    return path.with_suffix(".json")


def save_checkpoint(
    network: SparseUNet, card: dict[str, Any], path: Path, *, half: bool = False
) -> Path:
    """Write a network and its card, each atomically, the card last.

    Args:
        network: In whatever mode; parameters and running statistics are stored.
        card: Goes into the card, completed by the network's configuration.
        path: ``NAME.safetensors``.
        half: Store the parameters (not the running statistics) as float16: half the size, and
            what `load_network` gives back is float32 again.
    """
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    if half:
        tensors |= {name: value.detach().half() for name, value in network.named_parameters()}
    text = json.dumps({**card, **network.config.to_dict()}, indent=2, sort_keys=True)
    with whole_file(path, overwrite=True) as file:
        file.write(save(tensors, {"format": "skullfix"}))
    with whole_file(card_path(path), overwrite=True) as file:
        file.write(text.encode() + b"\n")
    return path


def load_network(path: Path, card: dict[str, Any]) -> SparseUNet:
    """Read a network for inference; what else the file holds (BESIDE) is left where it is.

    Args:
        path: A safetensors file.
        card: Its card; names the configuration.

    Raises:
        WeightsError: The file is damaged or is not what the card says.
    """
    config = config_from_card(card)
    with torch.device("meta"):  # takes no memory, whatever the card says
        network = SparseUNet(config)
    try:
        stored = {n: v for n, v in load_file(path).items() if not n.startswith(BESIDE)}
        kinds = {name: value.dtype for name, value in network.state_dict().items()}
        tensors = {n: v.float() if v.dtype == torch.half else v for n, v in stored.items()}
        odd = [name for name, value in tensors.items() if value.dtype != kinds.get(name)]
        if odd:
            raise ValueError(f"{odd[0]} is {tensors[odd[0]].dtype} or unknown")
        network.load_state_dict(tensors, assign=True)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{path} does not hold the network of its card: {str(error)[:300]}",
            hint="fetch it again with skullfix weights pull",
        ) from error
    return network.eval()
