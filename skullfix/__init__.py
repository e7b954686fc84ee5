"""skullfix: completed skulls and printable implants from a head CT, by sparse convolution.

    import skullfix
    result = skullfix.complete("scan.nrrd", "out/")
    result.document["implant"]["volume_ml"]

Research use; not a medical device.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skullfix.version import __version__

if TYPE_CHECKING:
    from skullfix.tasks.complete import CompleteResult
    from skullfix.tasks.fine_task import FineResult

__all__ = ["__version__", "complete", "refine", "upscale"]


def complete(
    source: str | Path, folder: str | Path | None = None, **options: Any
) -> CompleteResult:
    """Complete the skull in a file and write the results; see ``skullfix complete --help``.

    Args:
        source: NRRD, NIfTI, MetaImage, DICOM folder or zip of one; a head CT or a skull mask.
        folder: Where outputs go; beside the input by default.
        options: Fields of `skullfix.tasks.complete_options.CompleteOptions`, such as
            ``overwrite=True``.

    Returns:
        The masks (on the input's grid), the mesh (LPS mm) and the result document.

    Raises:
        skullfix.errors.SkullfixError: What went wrong, and a hint.
    """
    from skullfix.tasks.complete import complete as task
    from skullfix.tasks.complete_options import CompleteOptions

    place = None if folder is None else Path(folder)
    return task(Path(source), place, CompleteOptions(**options))


def upscale(source: str | Path, folder: str | Path | None = None, **options: Any) -> FineResult:
    """Make the coarse skull mask in a file finer; see ``skullfix upscale --help``.

    Args:
        source: NRRD, NIfTI or MetaImage.
        folder: Where outputs go; beside the input by default.
        options: ``factor``, ``spacing`` (mm) or fields of
            `skullfix.tasks.fine_options.FineOptions`, e.g. ``like=Path("ct.nrrd")``.

    Returns:
        The mask on the finer grid and the result document.

    Raises:
        skullfix.errors.SkullfixError: What went wrong, and a hint.
    """
    return _finer("upscale", source, folder, options)


def refine(
    source: str | Path, organ: str, folder: str | Path | None = None, **options: Any
) -> FineResult:
    """Refine the coarse organ mask in a file; see ``skullfix refine --help``.

    Args:
        source: NRRD, NIfTI or MetaImage; a label map with ``organ="all"``.
        organ: aorta, heart, trachea, esophagus or all.
        folder: Where outputs go; beside the input by default.
        options: As for `upscale`.

    Returns:
        The mask, or the label map, on the finer grid and the result document.

    Raises:
        skullfix.errors.SkullfixError: What went wrong, and a hint.
    """
    return _finer("refine", source, folder, {**options, "organ": organ})


def _finer(
    task: Literal["upscale", "refine"],
    source: str | Path,
    folder: str | Path | None,
    options: dict[str, Any],
) -> FineResult:
    from skullfix.tasks.fine import Target
    from skullfix.tasks.fine_options import FineOptions
    from skullfix.tasks.fine_task import make_finer

    wanted = {name: options.pop(name) for name in ("factor", "spacing") if name in options}
    place = None if folder is None else Path(folder)
    chosen = FineOptions(target=Target(**wanted), **options)
    return make_finer(task, Path(source), place, chosen)
