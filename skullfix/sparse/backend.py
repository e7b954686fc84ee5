"""The interface behind which the engine's implementations stand, and the choice among them."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from skullfix.errors import MemoryLimitError, UsageError
from skullfix.sparse.cuda.available import CUDA_ENGINES, missing, missing_device
from skullfix.sparse.jit import has_numba
from skullfix.sparse.relation import Relation
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet, check_coordinates

BackendName = Literal["auto", "reference", "cpu", "minkowski", "cuda", "cuda-bf16", "cuda-fp16"]
BACKENDS: tuple[BackendName, ...] = ("auto", "reference", "cpu", "minkowski", *CUDA_ENGINES)
DEFAULT_VOXEL_CAP = 64_000_000


class Backend(Protocol):
    """What an implementation of the engine provides. All of it agrees with the dense oracle."""

    name: str

    def downsample(self, voxels: VoxelSet) -> VoxelSet:
        """Find the coarse voxels that hold some of `voxels` (coordinates halved, floor)."""

    def generate(self, voxels: VoxelSet, relation: Relation, cap: int) -> VoxelSet:
        """Make the children of `voxels` under UP2 or UP4.

        Raises:
            MemoryLimitError: There would be more than `cap`; nothing was allocated for them.
        """

    def join(self, first: VoxelSet, second: VoxelSet) -> VoxelSet:
        """Make the union of two sets."""

    def union(self, first: VoxelSet, second: VoxelSet) -> tuple[VoxelSet, Tensor, Tensor]:
        """Join two sets; also gives the rows (int64) that each one's voxels have in the union."""

    def find(self, voxels: VoxelSet, within: VoxelSet) -> Tensor:
        """Row of each of `voxels` in `within`, (N,) int64, -1 where it is not there."""

    def convolve(
        self,
        features: Tensor,
        weight: Tensor,
        source: VoxelSet,
        target: VoxelSet,
        relation: Relation,
    ) -> Tensor:
        """``out[t] = Σ_k in[source(t, k)] @ weight[k]``, differentiable.

        Args:
            features: (N_source, C_in).
            weight: (taps, C_in, C_out).
            source: Voxels of the input.
            target: Voxels of the output.
            relation: SAME, DOWN, UP2 or UP4.

        Returns:
            (N_target, C_out), zero where a target sees no source.
        """

    def fused(
        self,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        source: VoxelSet,
        target: VoxelSet,
        relation: Relation,
        *,
        added: SparseTensor | None = None,
        heads: Tensor | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Convolve and do what follows, in inference: ``y = relu(conv + bias) + added``.

        Args:
            features: (N_source, C_in).
            weight: (taps, C_in, C_out), batch norm folded in.
            bias: (C_out,).
            source: Voxels of the input.
            target: Voxels of the output. Under SAME, those that are no voxels of the source have
                0 in place of the convolution.
            relation: SAME, DOWN, UP2 or UP4.
            added: (M, C_out) on other voxels; counts as 0 where it has none.
            heads: (H, C_out + 1), linear maps of y with their biases last.
            keep: Whether y itself is wanted.

        Returns:
            y (N_target, C_out), empty if it is not wanted, and the heads' values (N_target, H).
        """


def get_backend(name: str = "auto", device: torch.device | str = "cpu") -> Backend:
    """Choose an implementation.

    Args:
        name: One of BACKENDS. ``auto`` takes the fastest that this machine has for the device.
        device: Where the tensors will live.

    Raises:
        UsageError: The name is unknown, or that backend cannot run here.
    """
    kind = torch.device(device).type
    on_cpu = kind == "cpu"
    if name not in BACKENDS:
        raise UsageError(
            f"there is no backend {name!r}", hint=f"choose one of {', '.join(BACKENDS)}"
        )
    if name in ("cpu", "minkowski") and not on_cpu:
        raise UsageError(f"backend {name!r} cannot run on {device}", hint="use --device cpu")
    if name == "minkowski":
        return _minkowski()
    if name in CUDA_ENGINES or (name == "auto" and kind == "cuda" and not missing()):
        return _cuda("cuda" if name == "auto" else name, kind)
    if name == "cpu" and not has_numba():
        raise UsageError(
            "backend 'cpu' needs numba, which cannot be imported",
            hint="pip install numba, or use --backend reference",
        )
    if name == "cpu" or (name == "auto" and on_cpu and has_numba()):
        from skullfix.sparse.cpu.engine import CpuBackend

        return CpuBackend()
    from skullfix.sparse.reference.engine import ReferenceBackend

    return ReferenceBackend()


def _cuda(name: str, kind: str) -> Backend:
    """Make the engine for a CUDA device."""
    reason = missing()
    if reason:
        raise UsageError(
            f"backend {name!r} cannot run: {reason}",
            hint="use --device cpu; it needs an NVIDIA GPU and a torch built for CUDA"
            if missing_device()
            else "pip install triton, or use --backend reference",
        )
    if kind != "cuda":
        raise UsageError(f"backend {name!r} cannot run on {kind}", hint="use --device cuda")
    from skullfix.sparse.cuda.engine import CudaBackend

    return CudaBackend(name)


def _minkowski() -> Backend:
    """Make the adaptor onto MinkowskiEngine."""
    try:
        from skullfix.sparse.minkowski.engine import MinkowskiBackend
    except (ImportError, OSError) as error:  # the latter where a library of its own is missing
        raise UsageError(
            f"backend 'minkowski' needs MinkowskiEngine, which cannot be imported: {error}",
            hint="in a clone, `make minkowski` builds it; no other backend needs it",
        ) from error
    return MinkowskiBackend()


def check_cap(count: int, cap: int) -> None:
    """Refuse to generate more voxels than the cap."""
    if count > cap:
        raise MemoryLimitError(
            f"the decoder would generate {count:,} voxels, more than the cap of {cap:,}",
            hint="the input is unlike the network's training data, or its grid is too fine: "
            "check the input, or raise the cap if memory allows",
        )


def check_children(voxels: VoxelSet, relation: Relation, cap: int) -> None:
    """Refuse to generate what cannot fit, before anything is allocated for it.

    Every voxel has eight children that are its own alone: all of them under UP2, the fewest
    possible under UP4, whose exact number the caller checks once it is counted.

    Raises:
        MemoryLimitError: There would be more than `cap` children.
        InputError: A child would lie beyond the largest coordinate.
    """
    check_cap(8 * len(voxels), cap)
    if len(voxels):
        last = 2 * voxels.coordinates[:, 1:].amax(0) + relation.width - 1
        check_coordinates(torch.nn.functional.pad(last, (1, 0))[None])


def check_volumes(source: VoxelSet, target: VoxelSet) -> None:
    """Refuse to relate batches of different sizes: a volume of one would look into no other."""
    if source.batch_size != target.batch_size:
        raise ValueError(f"{source} and {target} are of different batches")
