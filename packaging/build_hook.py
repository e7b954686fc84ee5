"""Hatch's hook: packs the weights that `bundled` names into the wheel."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundledWeights(BuildHookInterface[Any]):
    """Adds the default checkpoints, every card and the catalogue."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fill hatch's list of forced files; an editable installation reads the repository."""
        if version == "editable":
            return
        names = run_path(str(Path(self.root) / "packaging" / "bundled.py"))
        for path in names["bundled"](Path(self.root)):
            build_data["force_include"][str(path)] = f"{names['TARGET']}/{path.name}"
