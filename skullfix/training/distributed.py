"""Several processes that share every step: ranks, sums over all of them, statistics in common.

Started by ``torchrun``, each process takes its part of the batch. Losses and batch norm are made
of sums over all processes, so that N processes with batch B compute what one computes with N * B.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from skullfix.sparse.layers import SparseBatchNorm

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """One process among all.

    Attributes:
        rank: 0 is the one that writes.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1


@contextmanager
def join() -> Iterator[Ranks]:
    """Join the processes that ``torchrun`` started; alone without it."""
    if not _launched():
        yield Ranks()
        return
    dist.init_process_group("gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def leads() -> bool:
    """Whether this process is the only one, or the one of them that writes and speaks."""
    return not _launched() or os.environ["RANK"] == "0"


def share_out(count: int, make: Callable[[int], T], tell: Callable[[float], None]) -> list[T]:
    """Make ``count`` things, of which every process begins with another part.

    Each makes all of them. Where what is made is kept on disk, the others find it there when they
    come to it, and the work is done once.

    Args:
        count: How many.
        make: Makes the one with a number.
        tell: Called with the fraction done.

    Returns:
        What was made, by number.
    """
    first = dist.get_rank() * count // dist.get_world_size() if dist.is_initialized() else 0
    made: dict[int, T] = {}
    for number in (*range(first, count), *range(first)):
        tell(len(made) / count)
        made[number] = make(number)
    tell(1.0)
    return [made[number] for number in range(count)]


def _launched() -> bool:
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def own_device(device: torch.device) -> torch.device:
    """Give each process of a machine another GPU, where ``cuda`` leaves the choice."""
    if device != torch.device("cuda"):
        return device
    place = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", place % torch.cuda.device_count())


def total(values: Tensor) -> Tensor:
    """Sum over all processes, differentiable: every process gets the gradient of the whole."""
    if not dist.is_initialized():
        return values
    summed: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return summed


class _Sum(torch.autograd.Function):
    """Sum over all processes. What each makes of the sum counts in the gradient of all."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _summed(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(values: Tensor) -> Tensor:
    """Sum over all processes, which is not followed by autograd."""
    summed = values.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(summed)
    return summed


def share(network: nn.Module) -> nn.Module:
    """Let a network average its gradients, and its batch norms their statistics, over all."""
    if not dist.is_initialized():
        return network
    for module in network.modules():
        if isinstance(module, SparseBatchNorm):
            module.total = total
    return DistributedDataParallel(network)


def mean(values: Tensor) -> Tensor:
    """Mean of all values of all processes; 0 without any."""
    count = torch.tensor(float(values.numel()))  # on the CPU, so that nothing waits for it
    if dist.is_initialized():
        dist.all_reduce(count)
    return total(values.sum()) / count.clamp(min=1)
