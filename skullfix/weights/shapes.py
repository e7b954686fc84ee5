"""The header of a safetensors file: which tensors, of which shapes."""

from __future__ import annotations

from pathlib import Path

from skullfix.errors import WeightsError


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of a safetensors file, none of which is loaded.

    Raises:
        WeightsError: The file is missing, cannot be read, or is no whole safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is no usable safetensors file: {error}.",
            hint="Check that it was copied whole.",
        ) from error
