"""The only place that reads a pickle: the authors' checkpoints, through torch's safe loader."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skullfix.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

SAFE_SINCE = (2, 6)  # weights_only of earlier versions could be made to run code (CVE-2025-32434)
WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net")


def read_pickled_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a .pth file without running anything that is in it.

    Understands a bare state dict, and one inside a training checkpoint under a usual key; the
    prefix ``module.`` of parallel training is taken off.

    Args:
        path: The file, as ``torch.save`` wrote it.

    Returns:
        Tensors by name: dense, on the CPU, contiguous, of their stored dtype.

    Raises:
        WeightsError: The file is missing or damaged, wants to run code, or holds no state dict.
    """
    import torch

    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < SAFE_SINCE:
        raise WeightsError(
            f"torch {torch.__version__} cannot read a foreign checkpoint safely.",
            hint="Update torch to 2.6 or newer.",
        )
    if not path.is_file():
        raise WeightsError(f"There is no file {path}.", hint="Check the path.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about storage classes of old files
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} was refused: it is damaged, or holds more than tensors and wants to run code.",
            hint="Ask its authors for a plain state dict (torch.save(model.state_dict(), FILE)).",
        ) from error
    except Exception as error:  # torch raises many kinds for damaged files; none is our fault
        raise WeightsError(
            f"{path} is no usable checkpoint: {type(error).__name__}: {error}.",
            hint="Check that it was copied whole.",
        ) from error
    return _clean(_unwrap(loaded, path), path)


def _unwrap(loaded: Any, path: Path) -> Mapping[str, Any]:
    """Find the state dict in what was loaded."""
    for _ in range(3):
        inner = next((loaded[key] for key in WRAPPERS if _holds(loaded, key)), None)
        if inner is None:
            break
        loaded = inner
    if not isinstance(loaded, Mapping) or not loaded:
        raise WeightsError(
            f"{path} holds a {type(loaded).__name__}, no state dict.",
            hint="Ask its authors for a plain state dict (torch.save(model.state_dict(), FILE)).",
        )
    return loaded


def _holds(loaded: Any, key: str) -> bool:
    return isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping)


def _clean(state: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """Check that every item is a finite dense tensor with a text name."""
    import torch

    clean: dict[str, Tensor] = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise WeightsError(
                f"{path} holds {type(value).__name__} under {name!r} where a tensor is expected.",
                hint="Ask its authors for a plain state dict.",
            )
        if value.layout is not torch.strided or value.is_quantized or value.is_meta:
            raise WeightsError(f"{path}: {name} is no dense tensor.", hint="Save it dense.")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{path}: {name} has values that are not finite.", hint="Retrain.")
        clean[name.removeprefix("module.")] = value.detach().contiguous()
    return clean
