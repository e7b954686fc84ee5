"""Vaults in a checkpoint: a tensor beside the network's, and their number in its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from skullfix.errors import WeightsError
from skullfix.files.whole import whole_file
from skullfix.networks.checkpoint import BESIDE
from skullfix.vault.directions import vault_directions
from skullfix.vault.population import Vaults

NAME = BESIDE + "vaults"


def load_vaults(path: Path, card: Mapping[str, Any]) -> Vaults | None:
    """Read the vaults of a checkpoint.

    Args:
        path: A safetensors file.
        card: Its card, which says how many there are (``vaults``).

    Returns:
        Them, or None for a card that names none.

    Raises:
        WeightsError: The file is damaged or does not hold what the card says.
    """
    if "vaults" not in card:
        return None
    wanted = (card["vaults"], 2, len(vault_directions()))
    try:
        with safe_open(path, framework="pt") as file:
            radii = file.get_tensor(NAME)
        if radii.shape != wanted or not radii.is_floating_point():
            raise ValueError(f"vaults are {radii.dtype} {tuple(radii.shape)}, not {wanted}")
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(
            f"{path} does not hold the vaults of its card: {error}",
            hint="fetch it again with skullfix weights pull",
        ) from error
    return Vaults(radii.float().numpy())


def save_with_vaults(source: Path, vaults: Vaults, path: Path) -> None:
    """Copy a checkpoint and put vaults in, stored as float16, in place of any that it had.

    Args:
        source: A safetensors file.
        vaults: To be stored.
        path: Where the copy goes; replaced if it is there.

    Raises:
        OSError: The file cannot be read or written.
    """
    tensors = load_file(source) | {NAME: torch.from_numpy(vaults.radii).half().contiguous()}
    with whole_file(path, overwrite=True) as file:
        file.write(save(tensors, {"format": "skullfix"}))
