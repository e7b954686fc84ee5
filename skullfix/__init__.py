"""skullfix: completed skulls and printable implants from a head CT, by sparse convolution.

    import skullfix
    result = skullfix.complete("scan.nrrd", "out/")
    result.document["implant"]["volume_ml"]

Research use; not a medical device.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from skullfix.version import __version__

if TYPE_CHECKING:
    from skullfix.tasks.complete import CompleteResult


__all__ = ["__version__", "complete"]


def complete(
    source: str | Path, folder: str | Path | None = None, **options: Any
) -> CompleteResult:
    """Complete the skull in a file and write the results; see ``skullfix complete --help``.

    Args:
        source: NRRD, NIfTI, MetaImage, DICOM folder or zip of one; a head CT or a skull mask.
        folder: Where outputs go; beside the input by default.
        options: Fields of `skullfix.tasks.complete.CompleteOptions`, e.g. ``overwrite=True``.

    Returns:
        The masks (on the input's grid), the mesh (LPS mm) and the result document.

    Raises:
        skullfix.errors.SkullfixError: What went wrong, and a hint.
    """
    from skullfix.tasks.complete import CompleteOptions
    from skullfix.tasks.complete import complete as task

    place = None if folder is None else Path(folder)
    return task(Path(source), place, CompleteOptions(**options))
