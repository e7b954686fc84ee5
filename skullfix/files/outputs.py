"""The files of a result: refused if they exist, written aside, then all put in place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from skullfix.errors import OutputError


def plan_outputs(
    source: Path, folder: Path | None, stem: str, suffixes: Mapping[str, str], *, overwrite: bool
) -> dict[str, Path]:
    """Name the outputs of a task and make sure that they may be written.

    Args:
        source: The input; outputs lie beside it (a link: beside the link) unless `folder` is given.
        folder: Where they go; made when absent.
        stem: The input's name without its suffix.
        suffixes: Name of each output to the ending of its file, e.g. ``_implant.stl``.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputError: One exists, or is a folder or a device, or the folder cannot be made.
    """
    beside = Path(os.path.abspath(source)).parent  # noqa: PTH100 -- a link stays a link
    place = beside if folder is None else folder
    paths = {name: place / f"{stem}{ending}" for name, ending in suffixes.items()}
    try:
        present = [path for path in paths.values() if path.exists()]
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{error.filename or place} cannot be made ({error.strerror or error})",
            hint="choose another folder with -o, or give the input a shorter name",
        ) from error
    for path in present:
        if not path.is_file():
            raise OutputError(
                f"{path} is no ordinary file, and is in the way of an output",
                hint="rename it, or choose another folder with -o",
            )
    if present and not overwrite:
        raise OutputError(
            f"{present[0]} exists already"
            + (f", and {len(present) - 1} more" if len(present) > 1 else ""),
            hint="use --overwrite to replace it, or choose another folder with -o",
        )
    return paths


@contextmanager
def staged(paths: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Give temporary paths in the outputs' folder; move what was written into place at the end.

    An older file of an output that was not written this time is removed: it would be taken for
    a part of the new result. When anything fails, all is as it was before.

    Args:
        paths: Final path of each output, all in one folder.

    Raises:
        OutputError: The folder is not writable, or a file cannot be replaced.
    """
    place = next(iter(paths.values())).parent
    try:
        aside = Path(tempfile.mkdtemp(prefix=".skullfix-", dir=place))
    except OSError as error:
        raise OutputError(
            f"{place} is not writable ({error.strerror or error})",
            hint="choose another folder with -o",
        ) from error
    new, old = aside / "new", aside / "old"
    try:
        new.mkdir()
        old.mkdir()
        yield {name: new / path.name for name, path in paths.items()}
        _exchange(new, old, sorted(paths.values()))
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(new: Path, old: Path, targets: Sequence[Path]) -> None:
    """Put files from `new` in place of the targets, and those that were there into `old`."""
    kept: list[Path] = []
    done: list[Path] = []
    try:
        for target in targets:
            if target.exists():
                target.replace(old / target.name)
                kept.append(target)
            if (new / target.name).exists():
                done.append((new / target.name).replace(target))
    except OSError as error:
        for target in done:
            target.unlink(missing_ok=True)
        for target in kept:
            (old / target.name).replace(target)
        raise OutputError(
            f"{error.filename or targets[0].parent} cannot be replaced "
            f"({error.strerror or error}); all files are as they were",
            hint="close the programs that have it open, or choose another folder with -o",
        ) from error
