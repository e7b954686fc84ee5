"""The networks for `upscale` and `refine`: which one serves a request, each loaded once."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from skullfix.errors import WeightsError
from skullfix.tasks.document import Progress
from skullfix.tasks.fine import nearest_factor
from skullfix.tasks.model import Model, load_model
from skullfix.weights.library import Library
from skullfix.weights.resolve import listed

FIELD_OF_VIEW_MM = 230.4  # the paper's matrix sizes stand for spacings: 512 is 0.45 mm
_NAME = re.compile(r"upscale-(\d+)-(\d+)")
_ALIKE = 1.4  # ratio of spacings up to which a network is used without a remark


@dataclass(frozen=True)
class Choice:
    """A network for a request.

    Attributes:
        model: Loaded.
        factor: Fine voxels a coarse one, of those that it has learnt.
        steps: What is done, for the result document.
        warnings: Where it was trained on other spacings.
    """

    model: Model
    factor: int
    steps: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FineModels:
    """The networks of a task.

    Attributes:
        task: ``upscale`` or ``refine``.
        reference: A network that is wanted by name or path; None to choose for each request.
        backend: Engine.
        progress: Told of downloads.
    """

    task: str
    reference: str | None
    backend: str
    progress: Progress | None = None
    _loaded: dict[str | None, Model] = field(default_factory=dict)

    def choose(self, spacing: float, ratio: float) -> Choice:
        """Choose the network for a mask.

        Args:
            spacing: Of the coarse mask, its smallest, mm.
            ratio: How many times finer the wanted grid is.

        Raises:
            WeightsError: There is none, or it cannot be had.
        """
        reference = self.reference
        if reference is None and self.task == "upscale":
            reference = nearest_step(spacing, ratio)
        if reference not in self._loaded:
            self._loaded[reference] = load_model(
                reference, self.backend, self.progress, task=self.task
            )
        model = self._loaded[reference]
        factors = tuple(int(f) for f in model.checkpoint.card.get("factors") or ())
        if not factors:
            raise WeightsError(
                f"The card of {model.checkpoint.name} names no factors.",
                hint="Use a network made by `skullfix train upscale` or `refine`.",
            )
        factor = nearest_factor(ratio, factors)
        reached = spacing / factor
        steps = [f"{model.checkpoint.name}: {spacing:.3g} to {reached:.3g} mm"]
        rest = factor / ratio
        if not 0.99 < rest < 1.01:
            word = "interpolation of its probabilities" if rest < 1 else "mean of its probabilities"
            steps.append(f"{word}: {reached:.3g} to {spacing / ratio:.3g} mm")
        warnings: tuple[str, ...] = ()
        learnt = model.spacing * factor
        if self.task == "upscale" and not 1 / _ALIKE < spacing / learnt < _ALIKE:
            warnings = (
                f"The network learnt masks of {learnt:.3g} mm; this one has {spacing:.3g} mm.",
            )
        return Choice(model, factor, tuple(steps), warnings)


def nearest_step(spacing: float, ratio: float) -> str | None:
    """Name the upscaling network nearest to a request; None, the default one, if none is named so.

    Networks are called ``upscale-FROM-TO`` after the paper's matrix sizes (Table III).
    """
    best: tuple[float, str] | None = None
    for item in listed(Library.from_environment()):
        match = _NAME.fullmatch(item.entry.name)
        if item.entry.task != "upscale" or match is None:
            continue
        coarse, fine = (FIELD_OF_VIEW_MM / int(size) for size in match.groups())
        away = abs(math.log(spacing / coarse)) + abs(math.log(ratio * fine / coarse))
        best = min(best or (away, item.entry.name), (away, item.entry.name))
    return best[1] if best else None
