"""The network for `upscale` and `refine`, and how it serves a request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from skullfix.errors import WeightsError
from skullfix.sparse.device import DEFAULT_DEVICE
from skullfix.tasks.document import Progress
from skullfix.tasks.fine import nearest_factor
from skullfix.tasks.model import Model, load_model

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
    """The network of a task, loaded when it is first needed.

    Attributes:
        task: ``upscale`` or ``refine``.
        reference: Its name or path; None for the default one.
        backend: Engine.
        progress: Told of downloads.
        device: Where the network computes.
    """

    task: str
    reference: str | None
    backend: str
    progress: Progress | None = None
    device: str = DEFAULT_DEVICE

    @cached_property
    def model(self) -> Model:
        """The network.

        Raises:
            WeightsError: It cannot be had.
        """
        return load_model(
            self.reference, self.backend, self.progress, task=self.task, device=self.device
        )

    def choose(self, spacing: float, ratio: float) -> Choice:
        """Decide how a mask is served: by the factor that brings it nearest to the network's grid.

        What is left to the grid wanted is done by the network's probabilities: interpolated where
        it is finer, averaged where it is coarser.

        Args:
            spacing: Of the coarse mask, its smallest, mm.
            ratio: How many times finer the wanted grid is.

        Raises:
            WeightsError: The network cannot be had, or is none for this.
        """
        model = self.model
        factors = tuple(int(f) for f in model.checkpoint.card.get("factors") or ())
        if not factors:
            raise WeightsError(
                f"The card of {model.checkpoint.name} names no factors.",
                hint="Use a network made by `skullfix train upscale` or `refine`.",
            )
        factor = nearest_factor(spacing / model.spacing, factors)
        reached = spacing / factor
        steps = [f"{model.checkpoint.name}: {spacing:.3g} to {reached:.3g} mm"]
        rest = factor / ratio
        if not 0.99 < rest < 1.01:
            word = "interpolation of its probabilities" if rest < 1 else "mean of its probabilities"
            steps.append(f"{word}: {reached:.3g} to {spacing / ratio:.3g} mm")
        warnings: tuple[str, ...] = ()
        if not 1 / _ALIKE < reached / model.spacing < _ALIKE:
            learnt = ", ".join(f"{f * model.spacing:.3g}" for f in factors)
            warnings = (f"The network learnt masks of {learnt} mm; this one has {spacing:.3g} mm.",)
        return Choice(model, factor, tuple(steps), warnings)
