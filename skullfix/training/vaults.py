"""Give a checkpoint the vaults of the skulls that it was trained on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from skullfix.cases.folder import read_split
from skullfix.errors import InputError, OutputError
from skullfix.images.midplane import skull_plane
from skullfix.images.resample import BLOCK_SPACING_MM
from skullfix.images.volume import Volume
from skullfix.networks.checkpoint import card_path
from skullfix.training.population import load_shapes
from skullfix.vault.population import gather_vaults
from skullfix.vault.stored import save_with_vaults
from skullfix.weights.atomic import write_json
from skullfix.weights.resolve import resolve_checkpoint


def add_vaults(
    data: Sequence[Path],
    reference: str,
    path: Path,
    *,
    progress: Callable[[str, float], None],
) -> dict[str, Any]:
    """Copy a checkpoint, with the vaults of a population in it.

    Args:
        data: Folders of complete skulls (``complete_skull/``, ``split.txt``); their training
            cases are taken.
        reference: A checkpoint of ``complete``: name, ``name@version`` or path.
        path: ``NAME.safetensors`` of the copy; its card goes beside it.
        progress: Called with a stage and the fraction done.

    Returns:
        The result document.

    Raises:
        InputError: A folder lacks something.
        WeightsError: The checkpoint cannot be had.
        OutputError: The copy is there already or cannot be written.
    """
    if path.exists():
        raise OutputError(f"{path} is there already", hint="choose another -o")
    checkpoint = resolve_checkpoint(reference, task="complete")
    cases = [
        case
        for folder in data
        for case in load_shapes(folder, read_split(folder, "train"), BLOCK_SPACING_MM, progress)
    ]
    if not cases:
        raise InputError("no folder has training cases", hint="see split.txt of each")
    skulls = [Volume(case.whole.numpy(), case.geometry) for case in cases]
    vaults = gather_vaults([(skull, skull_plane(skull)) for skull in skulls], progress)
    folders = " ".join(shlex.quote(folder.resolve().name) for folder in data)
    line = f"skullfix weights vaults {folders} --model {shlex.quote(Path(reference).name)} -o FILE"
    card = {key: value for key, value in checkpoint.card.items() if key != "sha256"}
    card["vaults"] = len(vaults.radii)
    card["created_with"] = [*card.get("created_with", []), line]
    try:
        save_with_vaults(checkpoint.path, vaults, path)
        write_json(card_path(path), dict(sorted(card.items())))
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}", hint="choose another -o") from error
    return {"status": "success", "checkpoint": str(path), "vaults": len(vaults.radii)}
