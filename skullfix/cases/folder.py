"""A folder of skulls in the AutoImplant layout: ``split.txt`` and the files it names.

``complete_skull/NAME.nrrd`` (or .nii.gz, .mha) is the whole skull, ``implant/NAME.nrrd`` the piece
that its own defect takes. Where there is no ``implant/`` at all, the skulls have no known defect.
"""

from __future__ import annotations

from pathlib import Path

from skullfix.errors import InputError

SKULLS = "complete_skull"
IMPLANTS = "implant"
PARTS = ("train", "validation")
_SUFFIXES = (".nrrd", ".nii.gz", ".mha")


def read_split(folder: Path, part: str) -> list[str]:
    """Names of the cases of one part (``train`` or ``validation``) of ``split.txt``, sorted.

    Raises:
        InputError: No such file, a line that is not ``NAME PART``, or an empty part.
    """
    path = folder / "split.txt"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read: {error}",
            hint="the folder needs complete_skull/, implant/ and split.txt, whose lines "
            "are 'NAME train' or 'NAME validation'",
        ) from error
    names = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2 or fields[1] not in PARTS:
            raise InputError(
                f"{path}, line {number}: expected 'NAME train' or 'NAME validation', "
                f"found {line.strip()[:60]!r}",
                hint="mend the line or take it out",
            )
        if fields[1] == part:
            names.append(fields[0])
    if not names:
        raise InputError(f"{path} names no {part} case", hint=f"add lines 'NAME {part}'")
    return sorted(names)


def case_files(folder: Path, name: str) -> tuple[Path, Path | None]:
    """Find the files of a case: its skull, and its implant where the folder holds implants.

    Raises:
        InputError: One is missing.
    """
    skull = _find(folder / SKULLS, name)
    return skull, _find(folder / IMPLANTS, name) if (folder / IMPLANTS).is_dir() else None


def _find(room: Path, name: str) -> Path:
    """Find the file of a case, whatever its format."""
    for suffix in _SUFFIXES:
        if (room / f"{name}{suffix}").is_file():
            return room / f"{name}{suffix}"
    raise InputError(
        f"there is no {room / name}.nrrd (nor .nii.gz, .mha)",
        hint="split.txt names a case whose file is missing",
    )
