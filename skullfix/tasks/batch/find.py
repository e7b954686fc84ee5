"""Find the cases of a batch: the files, zips and DICOM folders below a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from skullfix.errors import InputError, UsageError
from skullfix.files.opening import must_exist
from skullfix.images.formats import READABLE, output_suffix, split_suffix
from skullfix.tasks.batch.case import Case
from skullfix.tasks.batch.listing import is_listing, read_listing

_DICOM_ENDINGS = (".dcm", ".dicom", ".ima")
_MAGIC_AT, _MAGIC = 128, b"DICM"
_PARTNERS = (".raw", ".zraw", ".raw.gz")  # voxels of a header that is a case itself


@dataclass(frozen=True)
class Found:
    """What a folder or a list holds.

    Attributes:
        cases: Sorted by their names.
        ignored: Names of files that are no images, sorted.
    """

    cases: tuple[Case, ...]
    ignored: tuple[str, ...]


def find_cases(source: Path, out: Path, *, pattern: str | None = None) -> Found:
    """Find the cases of a folder or of a list and give each its place below `out`.

    A folder that directly holds DICOM files is one case. Links to folders are followed, but not in
    circles. What cannot be opened is a case too, with its trouble. Two inputs whose outputs would
    bear the same names get a folder of their own each.

    Args:
        source: A folder, or a list (.csv, .tsv, .txt) of paths.
        out: The batch's folder; nothing in it is an input.
        pattern: Take only what this glob pattern fits, from the right of the path.

    Raises:
        InputError: Nothing is there.
        UsageError: `out` is the folder of the inputs, or holds it; the pattern fits nothing.
    """
    if pattern is not None:
        _check_pattern(pattern)
    out = out.resolve()
    ignored: list[str] = []
    if is_listing(source):
        entries = read_listing(source)
    elif not source.is_dir():
        must_exist(source)
        raise InputError(
            f"{source} is neither a folder nor a list (.csv, .tsv, .txt).",
            hint="For one scan use the command without `batch`.",
        )
    else:
        root = source.resolve()
        if root == out or out in root.parents:
            raise UsageError(
                f"The outputs would go into the inputs' own folder or above it ({out}).",
                hint="Choose another folder with -o.",
            )
        entries, ignored = _walk(root, out)
    if pattern is not None:
        entries = [item for item in entries if PurePosixPath(item[0]).match(pattern)]
    if not entries:
        raise InputError(
            f"{source} holds no case{f' that fits {pattern!r}' if pattern else ''}"
            f" ({len(ignored)} other files). skullfix reads {READABLE}.",
            hint="Check the folder and --pattern.",
        )
    cases = [_placed(name, path, trouble, out) for name, path, trouble in sorted(entries)]
    return Found(tuple(_apart(cases, out)), tuple(sorted(ignored)))


def output_stem(source: Path, *, folder: bool) -> tuple[str, str]:
    """Give what the outputs of an input are called: stem, and suffix of images.

    Args:
        source: The input.
        folder: Whether it is a DICOM folder.
    """
    if folder:
        return source.name, ".nrrd"
    if source.suffix.lower() == ".zip":
        return source.name[: -len(".zip")], ".nrrd"
    stem, suffix = split_suffix(source.name)
    return stem, output_suffix(suffix)


def _check_pattern(pattern: str) -> None:
    """Refuse a pattern that is empty or ``.``."""
    try:
        PurePosixPath("case").match(pattern)
    except ValueError as error:
        raise UsageError(
            f"--pattern {pattern!r} is no pattern of a name ({error}).",
            hint="Give for example '*_ct.nii.gz', or leave it out to take all.",
        ) from error


Entry = tuple[str, Path, str]


def _walk(root: Path, out: Path) -> tuple[list[Entry], list[str]]:
    """List (name, path, trouble) of the cases below a folder, and what is no case."""
    entries: list[Entry] = []
    ignored: list[str] = []

    def refused(error: OSError) -> None:
        path = Path(error.filename)
        entries.append((_name(path, root), path, f"cannot be listed ({error.strerror})"))

    for place, folders, names in os.walk(root, onerror=refused, followlinks=True):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "__MACOSX"
        )
        kept = []
        for name in folders:
            path = here / name
            if path.is_symlink() and _circular(path):
                entries.append((_name(path, root), path, "is a link that leads back to itself"))
            elif path.resolve() != out:
                kept.append(name)
        folders[:] = kept
        shown = [name for name in sorted(names) if not name.startswith(".")]
        rest = [name for name in shown if not _is_image(name)]
        entries += [(_name(here / n, root), here / n, "") for n in shown if _is_image(n)]
        circles = [name for name in rest if _circular(here / name)]
        entries += [
            (_name(here / n, root), here / n, "is a link that leads back to itself")
            for n in circles
        ]
        if any(_is_dicom(here / name) for name in rest if name not in circles):
            entries.append((_name(here, root), here, ""))
        else:
            ignored += [_name(here / n, root) for n in _not_partners(rest) if n not in circles]
    return entries, ignored


def _not_partners(names: list[str]) -> Iterator[str]:
    return (name for name in names if not name.lower().endswith(_PARTNERS))


def _name(path: Path, root: Path) -> str:
    """Name a case by its path below the root; the root itself by its own name."""
    return root.name if path == root else path.relative_to(root).as_posix()


def _is_image(name: str) -> bool:
    return bool(split_suffix(name)[1]) or name.lower().endswith(".zip")


def _circular(path: Path) -> bool:
    """Tell a link to itself, or to a folder on the way to it."""
    if not path.is_symlink():
        return False
    try:
        target = path.resolve(strict=True)
    except FileNotFoundError:
        return False
    except (OSError, RuntimeError):  # too many levels of links
        return True
    return target in {parent.resolve() for parent in path.parents}


def _is_dicom(path: Path) -> bool:
    """Tell a DICOM file by its name or by its magic number."""
    if path.name.lower().endswith(_DICOM_ENDINGS):
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC
    except OSError:
        return False


def _placed(name: str, source: Path, trouble: str, out: Path) -> Case:
    """Give a case its place: the folders between are those of the input."""
    stem, suffix = output_stem(source, folder=not trouble and _is_folder(source))
    parts = PurePosixPath(name).parts
    return Case(name, source, out.joinpath(*parts[:-1]), stem or source.name, suffix, trouble)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # what it is will be said when it is read
        return False


def _apart(cases: list[Case], out: Path) -> Iterator[Case]:
    """Give those whose outputs would meet a folder each, named like their inputs."""

    def place(case: Case) -> str:
        return str(case.folder / case.stem).casefold()

    crowd = Counter(place(case) for case in cases)
    for case in cases:
        if crowd[place(case)] > 1:
            yield replace(case, folder=out.joinpath(*PurePosixPath(case.name).parts))
        else:
            yield case
