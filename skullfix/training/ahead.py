"""Batches made ahead of the network, by a thread or by several processes: the same ones."""

from __future__ import annotations

import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset

from skullfix.errors import UsageError
from skullfix.training.distributed import Ranks
from skullfix.training.problem import Problem
from skullfix.training.sample import Sample, collate
from skullfix.training.settings import Settings

AHEAD = 6  # batches, or volumes of each process, prepared while the network works


def batches(
    problem: Problem,
    settings: Settings,
    done: int,
    ranks: Ranks,
    device: torch.device,
    workers: int,
) -> Generator[Sample]:
    """Give this rank's part of every step that is left.

    Args:
        problem: Makes the volumes.
        settings: How many steps of how many volumes.
        done: Steps that lie behind.
        ranks: The processes that share every step.
        device: Where the batches are wanted.
        workers: Processes that make them; 0 for a thread of this one. A number of which
            `Settings.batch` is a multiple makes each head once, see `heads`.

    Raises:
        UsageError: Processes are wanted on a system that cannot fork safely.
    """
    if workers and not sys.platform.startswith("linux"):
        raise UsageError(f"--workers {workers} on {sys.platform}", hint="leave --workers out")
    first = ranks.rank * settings.batch
    if workers:
        return _by_processes(problem, settings, done, first, device, workers)
    return _by_thread(problem, settings, done, first, device)


def _by_thread(
    problem: Problem, settings: Settings, done: int, first: int, device: torch.device
) -> Generator[Sample]:
    """Make batches in a thread."""
    pool = ThreadPoolExecutor(1)
    try:
        waiting = [
            pool.submit(problem.draw, step, first, settings.batch)
            for step in range(done, min(done + AHEAD, settings.steps))
        ]
        for step in range(done, settings.steps):
            batch = waiting.pop(0).result()
            if step + AHEAD < settings.steps:
                waiting.append(pool.submit(problem.draw, step + AHEAD, first, settings.batch))
            yield batch.to(device)
    finally:
        pool.shutdown(cancel_futures=True)


def _by_processes(
    problem: Problem, settings: Settings, done: int, first: int, device: torch.device, workers: int
) -> Generator[Sample]:
    """Make single volumes in processes, in turn, and join them on the device."""
    loader: DataLoader[Sample] = DataLoader(
        _Volumes(problem, settings.batch, first),
        batch_size=None,
        sampler=range(done * settings.batch, settings.steps * settings.batch),
        num_workers=workers,
        prefetch_factor=AHEAD,
        multiprocessing_context="fork",
    )
    volumes = []
    for volume in loader:
        volumes.append(volume.to(device))
        if len(volumes) == settings.batch:
            yield collate(volumes)
            volumes = []


@dataclass(frozen=True, eq=False)
class _Volumes(Dataset[Sample]):
    """Every volume of this rank by its number, those of a step in a row."""

    problem: Problem
    batch: int
    first: int

    def __getitem__(self, number: int) -> Sample:
        step, place = divmod(number, self.batch)
        return self.problem.draw(step, self.first + place, 1)
