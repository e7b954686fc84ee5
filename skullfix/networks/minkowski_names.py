"""The authors' checkpoints: MinkowskiEngine's names and shapes to ours.

Their network follows MinkowskiEngine's completion example; s1 … s64 are the strides of the seven
levels, finest first:

    theirs                      ours                      what
    enc_block_s1.0, .1          stem                      k3, batch norm
    enc_block_s1s2.0, .1        down.0                    k2 stride 2, batch norm
    enc_block_s1s2.3, .4        encode.0                  k3, batch norm
    …  enc_block_s32s64         down.5, encode.5
    dec_block_s64s32.0, .1      up.0                      generative k4 stride 2, batch norm
    dec_block_s64s32.3, .4      decode.0.0                k3, batch norm
    …  dec_block_s2s1           up.5, decode.5.0          (k2 from the second on)
    dec_s32_cls … dec_s1_cls    classify.0 … classify.5   1 x 1 x 1 with bias
    final_out.0                 final                     1 x 1 x 1 with bias

A kernel is (taps, C_in, C_out) there as here, tap by tap: MinkowskiEngine counts the taps with the
first spatial column fastest, and the authors' columns are (x, y, z).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from skullfix.errors import WeightsError
from skullfix.networks.config import CONFIGS, LEVELS, NetworkConfig
from skullfix.networks.unet import SparseUNet

_STRIDES = [1 << level for level in range(LEVELS)]  # 1 … 64
_STATISTICS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_OPTIONAL = "num_batches_tracked"
_HINT = "the file must hold the network of the paper's Table I, as its authors' code saves it"


def convert_minkowski(state: Mapping[str, Tensor]) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """Translate a state dict of the authors' MinkowskiEngine network.

    Args:
        state: Tensors by the authors' names. A 1 x 1 x 1 kernel may be (C_in, C_out) or
            (1, C_in, C_out).

    Returns:
        The configuration, and tensors by the names of `SparseUNet`, float32 (counts int64).

    Raises:
        WeightsError: A tensor is missing, unknown, or of another shape; its name is told.
    """
    names = dict(_names())
    unknown = sorted(set(state) - set(names))
    if unknown:
        raise WeightsError(f"the checkpoint has a tensor {unknown[0]!r} too many", hint=_HINT)
    config = _configuration(state)
    with torch.device("meta"):
        expected = SparseUNet(config).state_dict()
    converted = {}
    for theirs, ours in names.items():
        if theirs not in state and theirs.endswith(_OPTIONAL):
            converted[ours] = torch.zeros((), dtype=torch.int64)
            continue
        converted[ours] = _fit(theirs, _get(state, theirs), expected[ours])
    return config, converted


def _names() -> Iterator[tuple[str, str]]:
    """Pair every name of theirs with ours."""
    yield from _block("enc_block_s1", 0, "stem")
    for i in range(LEVELS - 1):
        theirs = f"enc_block_s{_STRIDES[i]}s{_STRIDES[i + 1]}"
        yield from _block(theirs, 0, f"down.{i}")
        yield from _block(theirs, 3, f"encode.{i}")
        coarse, fine = _STRIDES[-1 - i], _STRIDES[-2 - i]
        theirs = f"dec_block_s{coarse}s{fine}"
        yield from _block(theirs, 0, f"up.{i}")
        yield from _block(theirs, 3, f"decode.{i}.0")
        yield from _pointwise(f"dec_s{fine}_cls", f"classify.{i}")
    yield from _pointwise("final_out.0", "final")


def _block(theirs: str, place: int, ours: str) -> Iterator[tuple[str, str]]:
    """Pair the names of a convolution and the batch norm after it."""
    yield f"{theirs}.{place}.kernel", f"{ours}.convolution.weight"
    for field in _STATISTICS:
        yield f"{theirs}.{place + 1}.bn.{field}", f"{ours}.norm.{field}"


def _pointwise(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    """Pair the names of a 1 x 1 x 1 convolution."""
    yield f"{theirs}.kernel", f"{ours}.weight"
    yield f"{theirs}.bias", f"{ours}.bias"


def _configuration(state: Mapping[str, Tensor]) -> NetworkConfig:
    """Read widths off the encoder's kernels."""
    stem = "enc_block_s1.0.kernel"
    kernels = [stem]
    kernels += [f"enc_block_s{_STRIDES[i]}s{_STRIDES[i + 1]}.0.kernel" for i in range(LEVELS - 1)]
    for name in kernels:
        shape = tuple(_get(state, name).shape)
        if len(shape) != 3 or min(shape) < 1:
            raise WeightsError(
                f"the checkpoint's {name!r} has shape {shape}, expected (taps, C_in, C_out)",
                hint=_HINT,
            )
    widths = tuple(int(state[name].shape[2]) for name in kernels)
    found = NetworkConfig("table1", widths, int(state[stem].shape[1]))
    for known in CONFIGS.values():
        if replace(found, architecture=known.architecture) == known:
            return known
    return found


def _get(state: Mapping[str, Tensor], name: str) -> Tensor:
    """Look a tensor up."""
    if name not in state:
        raise WeightsError(f"the checkpoint has no tensor {name!r}", hint=_HINT)
    return state[name]


def _fit(name: str, value: Tensor, expected: Tensor) -> Tensor:
    """Bring a tensor into the shape and type that is expected."""
    shape = tuple(value.shape)
    if name.endswith((".kernel", ".bias")) and ".bn." not in name and expected.ndim < 3:
        while value.ndim > expected.ndim and value.shape[0] == 1:  # (1, C_in, C_out), (1, C_out)
            value = value[0]
        if value.ndim == 2:
            value = value.T  # torch's linear layer has (C_out, C_in)
    if value.shape != expected.shape or value.dtype.is_complex:
        wanted = tuple(expected.shape if expected.ndim != 2 else expected.T.shape)
        raise WeightsError(
            f"the checkpoint's {name!r} has shape {shape} and type {value.dtype}, "
            f"expected {wanted}",
            hint=_HINT,
        )
    return value.to(expected.dtype).contiguous()
