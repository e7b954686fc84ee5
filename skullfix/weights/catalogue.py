"""The catalogue: the one list of checkpoints that the CLI, the README and the downloads read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from skullfix.errors import WeightsError
from skullfix.weights.atomic import write_json
from skullfix.weights.card import FIELDS, NAME, VERSION, is_count, read_json

SCHEMA = 1
FILE = "catalogue.json"


@dataclass(frozen=True)
class Entry:
    """One checkpoint of the catalogue.

    Attributes:
        name: Lower-case words joined by ``-``, ``_`` or ``.``.
        version: Numbers joined by dots.
        task: The task that it serves, e.g. ``complete``.
        architecture: Name of the network.
        spacing_mm: Grid spacing in mm, or None.
        file: File name, always ``NAME-VERSION.safetensors``.
        size: Bytes.
        sha256: Of the file, 64 lower-case hexadecimal digits.
        licence: Of the weights.
        metrics: Measured accuracy, name -> value.
        default: Whether the task uses it when none is named.
    """

    name: str
    version: str
    task: str
    architecture: str
    spacing_mm: float | None
    file: str
    size: int
    sha256: str
    licence: str
    metrics: Mapping[str, Any]
    default: bool

    @property
    def reference(self) -> str:
        """The pinned reference, ``NAME@VERSION``."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Catalogue:
    """The checkpoints of one folder, in the order of its list."""

    entries: tuple[Entry, ...] = ()

    def find(self, name: str, version: str | None = None) -> Entry | None:
        """Return ``name`` at ``version``, or its highest version where that is None."""
        found = [e for e in self.entries if e.name == name and version in (None, e.version)]
        return max(found, key=lambda entry: version_key(entry.version), default=None)

    def default(self, task: str) -> Entry | None:
        """Return the checkpoint that ``task`` uses when none is named."""
        return next((e for e in self.entries if e.task == task and e.default), None)


def version_key(version: str) -> tuple[int, ...]:
    """Order versions as numbers: 1.10 after 1.9."""
    return tuple(int(part) for part in version.split("."))


def file_name(name: str, version: str) -> str:
    """Return the file name of a checkpoint."""
    return f"{name}-{version}.safetensors"


def read_catalogue(folder: Path) -> Catalogue:
    """Read ``catalogue.json`` of a folder; a folder without one has no checkpoints.

    Raises:
        WeightsError: The list is damaged, made by a newer skullfix, or contradicts itself.
    """
    path = folder / FILE
    if not path.is_file():
        return Catalogue()
    document = read_json(path)
    if document.get("schema") != SCHEMA:
        raise WeightsError(
            f"{path} has schema {document.get('schema')!r}; this skullfix reads {SCHEMA}.",
            hint="Update skullfix, or use the catalogue that came with it.",
        )
    listed = document.get("checkpoints")
    if not isinstance(listed, list):
        raise WeightsError(f"{path} has no list 'checkpoints'.", hint="Restore the catalogue.")
    catalogue = Catalogue(tuple(_entry(item, path) for item in listed))
    _check_unique(catalogue, path)
    return catalogue


def write_catalogue(folder: Path, catalogue: Catalogue) -> None:
    """Write ``catalogue.json`` of a folder atomically.

    Raises:
        OSError: The folder cannot be written.
    """
    document = {"schema": SCHEMA, "checkpoints": [asdict(entry) for entry in catalogue.entries]}
    write_json(folder / FILE, document)


def _entry(item: object, path: Path) -> Entry:
    """Make an entry of one parsed item, checking each field."""
    if not isinstance(item, dict):
        raise WeightsError(f"{path}: {item!r} is no checkpoint.", hint="Restore the catalogue.")
    names = Entry.__dataclass_fields__
    faults = [name for name in names if name not in item]
    faults += [name for name in names if name in FIELDS and not FIELDS[name][1](item.get(name))]
    if not is_count(item.get("size")):
        faults.append("size")
    if not isinstance(item.get("default"), bool):
        faults.append("default")
    if item.get("file") != file_name(str(item.get("name")), str(item.get("version"))):
        faults.append("file")
    if faults:
        raise WeightsError(
            f"{path}: the checkpoint {item.get('name')!r} lacks usable {sorted(set(faults))}.",
            hint="Restore the catalogue from its source.",
        )
    return Entry(**{name: item[name] for name in names})


def _check_unique(catalogue: Catalogue, path: Path) -> None:
    """Refuse two checkpoints of one name and version, and two defaults for one task."""
    pinned = [entry.reference for entry in catalogue.entries]
    defaults = [entry.task for entry in catalogue.entries if entry.default]
    twice = {x for x in pinned if pinned.count(x) > 1} | {
        f"the default for {x}" for x in defaults if defaults.count(x) > 1
    }
    if twice:
        raise WeightsError(
            f"{path} lists {', '.join(sorted(twice))} twice.", hint="Restore the catalogue."
        )


def split_reference(reference: str) -> tuple[str, str | None]:
    """Split ``NAME`` or ``NAME@VERSION``.

    Raises:
        WeightsError: It is neither.
    """
    name, at, version = reference.partition("@")
    if not NAME.fullmatch(name) or (at and not VERSION.fullmatch(version)):
        raise WeightsError(
            f"{reference!r} is neither a checkpoint's name, NAME@VERSION, nor a .safetensors file.",
            hint="`skullfix weights list` shows the names.",
        )
    return name, version if at else None
