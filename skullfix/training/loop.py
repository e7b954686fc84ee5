"""The training loop, on one page."""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from skullfix.files.whole import whole_file
from skullfix.networks.blend import blend
from skullfix.networks.config import CONFIGS
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import get_backend
from skullfix.sparse.layers import SparseBatchNorm
from skullfix.training.ahead import batches
from skullfix.training.curves import draw_curves
from skullfix.training.distributed import Ranks, share
from skullfix.training.loss import occupancy_loss
from skullfix.training.problem import Problem
from skullfix.training.settings import Settings
from skullfix.training.state import STATE_FILE, load_state, save_state, update_average

WARM_UP = 200  # steps of linearly rising rate
LOG_EVERY = 50  # steps a line of log.csv
SAVE_EVERY = 250  # steps between states on disk: what a kill can cost
VALIDATE_EVERY = 1000  # steps
CLIP = 5.0  # largest norm of the gradient
CPU = torch.device("cpu")


def train(
    problem: Problem,
    settings: Settings,
    folder: Path,
    *,
    resume: bool,
    start: SparseUNet | None = None,
    ranks: Ranks,
    backend_name: str = "auto",
    device: torch.device = CPU,
    workers: int = 0,
    progress: Callable[[str, float], None],
    note: Callable[[str], None],
) -> SparseUNet:
    """Train until `settings.steps` are done; the state on disk lets a killed run go on.

    Sample k of step i depends on (seed, i, k) alone, so an interrupted run continues with the
    bytes that an undisturbed one would have had.

    Args:
        problem: What is learnt.
        settings: The knobs.
        folder: Where state and log are written.
        resume: Go on from the state in `folder`, if there is one.
        start: A network of the same architecture to begin with; it is changed.
        ranks: The processes that share every step; each takes `Settings.batch` volumes.
        backend_name: Engine.
        device: Where the network computes.
        workers: Processes that make the samples; 0 for a thread of this one.
        progress: Called with the stage and the fraction done.
        note: Called with a line of text for every line of the log.

    Returns:
        The averaged network on the CPU, ready for use.

    Raises:
        UsageError: See `ahead.batches` and `get_backend`.
    """
    torch.manual_seed(settings.seed)
    config, backend = CONFIGS[settings.architecture], get_backend(backend_name, device)
    network = (SparseUNet(config) if start is None else start).requires_grad_(True).to(device)
    average, first = copy.deepcopy(network), copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.rate, amsgrad=True)
    done = 0
    if resume and (folder / STATE_FILE).exists():
        done = load_state(folder, settings.to_dict(), network, average, optimizer)
    writes = ranks.rank == 0
    log = _Log(folder / "log.csv", done, note) if writes else None
    shared = share(network)

    losses = []
    with closing(batches(problem, settings, done, ranks, device, workers)) as prepared:
        for step, batch in enumerate(prepared, done):
            network.train()
            if step >= settings.freeze_from * settings.steps:
                _freeze_norms(network)
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * _schedule(step, settings)
            output = shared(
                batch.inputs, backend, target=batch.wanted, thresholds=settings.thresholds
            )
            loss = occupancy_loss(output, batch.wanted, batch.truth, backend)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            update_average(average, network, min(settings.average, step / (step + 10)))
            losses.append(float(loss.detach()))
            done = step + 1
            progress("training", done / settings.steps)
            last = done == settings.steps
            if log is None:
                continue
            if done % VALIDATE_EVERY == 0 or last:
                log.add(done, losses, problem.score(blend(average, first, settings.blend), backend))
                draw_curves(log.path, folder / "curves.png")
            elif done % LOG_EVERY == 0:
                log.add(done, losses, {})
            if done % SAVE_EVERY == 0 or last:
                save_state(folder, done, settings.to_dict(), network, average, optimizer)
    return blend(average, first, settings.blend).eval().to(CPU)


def _schedule(step: int, settings: Settings) -> float:
    """Linear warm-up, a constant, and a straight fall to 1 % once the norms are frozen."""
    rise = min(1.0, (step + 1) / WARM_UP)
    left = (1 - step / settings.steps) / max(1e-9, 1 - settings.freeze_from)
    return rise * min(1.0, max(0.01, left))


def _freeze_norms(network: torch.nn.Module) -> None:
    """Let batch norm use, and keep, its running statistics."""
    for module in network.modules():
        if isinstance(module, SparseBatchNorm):
            module.eval()


def last_scores(log: Path) -> dict[str, float]:
    """Read the last validation scores in a log; empty if there are none."""
    with log.open(encoding="utf-8", newline="") as stream:
        measured = [row["scores"] for row in csv.DictReader(stream) if row["scores"]]
    pairs = [word.split("=") for word in measured[-1].split()] if measured else []
    return {name: float(value) for name, value in pairs}


class _Log:
    """``log.csv``: a line every LOG_EVERY steps, validation scores where they were measured."""

    FIELDS = ("step", "loss", "scores")

    def __init__(self, path: Path, done: int, note: Callable[[str], None]) -> None:
        kept = []
        if path.exists():
            with path.open(encoding="utf-8", newline="") as stream:
                kept = [row for row in csv.DictReader(stream) if int(row["step"]) <= done]
        self.path, self._since, self._note = path, 0, note
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.FIELDS)
        writer.writeheader()
        writer.writerows(kept)
        with whole_file(path, overwrite=True) as file:
            file.write(text.getvalue().encode())

    def add(self, step: int, losses: list[float], scores: dict[str, float]) -> None:
        """Append one line; the loss is the mean since the last one."""
        recent, self._since = losses[self._since :], len(losses)
        shown = " ".join(f"{k}={v:.4f}" for k, v in scores.items())
        row = [step, f"{np.mean(recent):.4f}", shown]
        with self.path.open("a", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerow(row)
        self._note(f"step {step}: loss {row[1]}" + (f", DSC {shown}" if scores else ""))
