"""A network ready for use: found, checked, read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from skullfix.networks.checkpoint import load_network
from skullfix.networks.unet import NO_THRESHOLDS, SparseUNet
from skullfix.sparse.backend import Backend, get_backend
from skullfix.sparse.device import DEFAULT_DEVICE, choose_device
from skullfix.tasks.document import Progress
from skullfix.weights.resolve import CheckpointFile, resolve_checkpoint

if TYPE_CHECKING:
    from skullfix.vault.population import Vaults


@dataclass(frozen=True, eq=False)
class Model:
    """A network ready for use, and where it came from.

    Attributes:
        network: In inference mode.
        backend: The engine.
        checkpoint: Its file and card.
        vaults: What the checkpoint knows of other heads' vaults, if anything.
    """

    network: SparseUNet
    backend: Backend
    checkpoint: CheckpointFile
    vaults: Vaults | None = None

    @property
    def spacing(self) -> float:
        """Voxel spacing of the network's grid, mm."""
        return float(self.checkpoint.card["spacing_mm"])

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Pruning threshold of each level, coarsest first."""
        return tuple(self.checkpoint.card.get("thresholds") or NO_THRESHOLDS)

    def cut(self, usual: float) -> float:
        """Occupancy from which a voxel of the answer counts: the card's, or the usual one."""
        return float(self.checkpoint.card.get("cut", usual))

    @property
    def device(self) -> str:
        """Where the network computes, such as ``cpu`` or ``cuda:0``."""
        return str(self.network.device)

    def on_cpu(self) -> Model:
        """Read the same network again for the CPU."""
        network = load_network(self.checkpoint.path, self.checkpoint.card)
        return replace(self, network=network, backend=get_backend("auto"))


def model_facts(checkpoint: CheckpointFile) -> dict[str, str]:
    """Tell what a result document says of the checkpoint."""
    return {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "sha256": checkpoint.sha256,
        "licence": checkpoint.licence,
        "source": checkpoint.source,
    }


def load_model(
    reference: str | None,
    backend: str,
    progress: Progress | None = None,
    *,
    task: str = "complete",
    device: str = DEFAULT_DEVICE,
) -> Model:
    """Find the checkpoint for a task and read it.

    Raises:
        WeightsError: It cannot be had or trusted.
        UsageError: There is no such device, or the backend cannot run on it.
    """
    place = choose_device(device, backend)
    engine = get_backend(backend, place)
    checkpoint = resolve_checkpoint(reference, task=task, progress=progress)
    network = load_network(checkpoint.path, checkpoint.card)
    vaults = None
    if "vaults" in checkpoint.card:
        from skullfix.vault.stored import load_vaults

        vaults = load_vaults(checkpoint.path, checkpoint.card)
    return Model(network.to(place), engine, checkpoint, vaults)
