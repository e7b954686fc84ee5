"""Which of the weights go into the wheel and the bundle: the defaults, and what tells of all."""

from __future__ import annotations

import json
from pathlib import Path

TARGET = "skullfix/weights/released"


def bundled(root: Path) -> list[Path]:
    """List the files of `root`/weights that are packed: default checkpoints, all cards, texts.

    Other checkpoints stay in the catalogue and are pulled from a mirror or read from a clone.
    """
    shelf = root / "weights"
    entries = json.loads((shelf / "catalogue.json").read_text(encoding="utf-8"))["checkpoints"]
    defaults = {entry["file"] for entry in entries if entry["default"]}
    kept = (p for p in shelf.iterdir() if p.suffix != ".safetensors" or p.name in defaults)
    return sorted(kept)
