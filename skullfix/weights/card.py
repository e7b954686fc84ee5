"""The model card: a JSON file beside each checkpoint that says what it is and how it was made.

Fields: name, version, task, architecture (text), channels (list of int), in_channels (int),
spacing_mm (number, or null where the network has none), training_data, licence (text), metrics
(object), sha256 (of the checkpoint), created_with (list of command lines), thresholds (list of
numbers, or null), notes (text). It may have cut: the occupancy from which a voxel of the answer
counts, where it is not the task's usual one; and vaults: how many heads' vaults the checkpoint
holds. Further fields are kept as they are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from skullfix.errors import WeightsError

NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")
SHA256 = re.compile(r"[0-9a-f]{64}")
LARGEST = 1 << 20  # bytes of a card or catalogue that is still believed


def is_count(value: object) -> bool:
    """Tell a positive integer; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and value > 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(item: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(item(each) for each in value)


def _or_null(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


FIELDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "name": ("lower-case words", lambda v: isinstance(v, str) and bool(NAME.fullmatch(v))),
    "version": ("a version like 1.2", lambda v: isinstance(v, str) and bool(VERSION.fullmatch(v))),
    "task": ("text", _is_text),
    "architecture": ("text", _is_text),
    "channels": ("a list of positive integers", _is_list(is_count)),
    "in_channels": ("a positive integer", is_count),
    "spacing_mm": ("a positive number or null", _or_null(_is_length)),
    "training_data": ("text", _is_text),
    "licence": ("text", _is_text),
    "metrics": ("an object", lambda v: isinstance(v, dict)),
    "sha256": ("64 hexadecimal digits", lambda v: isinstance(v, str) and bool(SHA256.fullmatch(v))),
    "created_with": ("a list of command lines", _is_list(_is_text)),
    "thresholds": ("a list of numbers or null", _or_null(_is_list(_is_number))),
    "notes": ("text", lambda v: isinstance(v, str)),
}
MAY_HAVE: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "cut": ("a number between 0 and 1", lambda v: _is_number(v) and 0 < v < 1),
    "vaults": ("a positive integer", is_count),
}


def check_card(card: Mapping[str, Any], source: str) -> None:
    """Check that a card has every field, and each that it has is of its kind.

    Args:
        card: The parsed card.
        source: Where it is from, for the message.

    Raises:
        WeightsError: Naming each field that is missing or of another kind.
    """
    present = {name: rule for name, rule in MAY_HAVE.items() if name in card}
    faults = [
        f"{name} must be {kind}, found {json.dumps(card[name])[:80] if name in card else 'nothing'}"
        for name, (kind, holds) in {**FIELDS, **present}.items()
        if name not in card or not holds(card[name])
    ]
    if faults:
        raise WeightsError(
            f"The model card {source} is not usable: {'; '.join(faults)}.",
            hint="Correct the card; its fields are described in skullfix/weights/card.py.",
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that may be hostile: of bounded size, strict numbers.

    Raises:
        WeightsError: The file is missing, too large, or no JSON object.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise WeightsError(
            f"Cannot read {path}: {error.strerror or error}.",
            hint="A checkpoint FILE.safetensors needs its card FILE.json beside it.",
        ) from error
    try:
        if len(raw) > LARGEST:
            raise ValueError(f"larger than {LARGEST} bytes")
        document = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path} is no usable JSON: {error}.", hint="Restore the file from its source."
        ) from error
    if not isinstance(document, dict):
        raise WeightsError(f"{path} holds no JSON object.", hint="Restore it from its source.")
    return document


def read_card(checkpoint: Path, sha256: str | None = None) -> dict[str, Any]:
    """Read and check the card that lies beside a checkpoint file.

    Args:
        checkpoint: The .safetensors file.
        sha256: Its hash, for a card that does not say one (a training run's, not yet released).

    Raises:
        WeightsError: The card is missing or not usable.
    """
    path = checkpoint.with_suffix(".json")
    card = read_json(path)
    if sha256 is not None:
        card.setdefault("sha256", sha256)
    check_card(card, str(path))
    return card


def _refuse_constant(word: str) -> None:
    raise ValueError(f"the constant {word} is not JSON")
