"""The files of a result: refused if they exist, written aside, then all put in place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from skullfix.errors import OutputError


def plan_outputs(
    source: Path, folder: Path | None, stem: str, suffixes: Mapping[str, str], *, overwrite: bool
) -> dict[str, Path]:
    """Name the outputs of a task and make sure that they may be written.

    Args:
        source: The input; outputs lie beside it unless `folder` is given.
        folder: Where they go; made when absent.
        stem: The input's name without its suffix.
        suffixes: Name of each output to the ending of its file, e.g. ``_implant.stl``.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputError: One exists, or the folder cannot be made.
    """
    place = source.resolve().parent if folder is None else folder
    paths = {name: place / f"{stem}{ending}" for name, ending in suffixes.items()}
    present = [path for path in paths.values() if path.exists()]
    if present and not overwrite:
        raise OutputError(
            f"{present[0]} exists already"
            + (f", and {len(present) - 1} more" if len(present) > 1 else ""),
            hint="use --overwrite to replace it, or choose another folder with -o",
        )
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{place} cannot be made ({error.strerror or error})",
            hint="choose another folder with -o",
        ) from error
    return paths


@contextmanager
def staged(paths: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Give temporary paths in the outputs' folder; move what was written into place at the end.

    When the block fails, nothing is left behind.

    Args:
        paths: Final path of each output, all in one folder.

    Raises:
        OutputError: The folder is not writable.
    """
    place = next(iter(paths.values())).parent
    try:
        aside = Path(tempfile.mkdtemp(prefix=".skullfix-", dir=place))
    except OSError as error:
        raise OutputError(
            f"{place} is not writable ({error.strerror or error})",
            hint="choose another folder with -o",
        ) from error
    try:
        yield {name: aside / path.name for name, path in paths.items()}
        for written in sorted(aside.iterdir()):
            written.replace(place / written.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
