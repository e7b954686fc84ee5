"""The demonstration: a synthetic patient, completed by the same task as a real one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from skullfix.errors import OutputError
from skullfix.evaluation.evaluate import Evaluation, evaluate_masks
from skullfix.images.phantom import head_phantom
from skullfix.images.write import write_volume
from skullfix.tasks.complete import CompleteResult, complete
from skullfix.tasks.complete_options import CompleteOptions
from skullfix.tasks.document import Progress

SCAN_NAME = "phantom.nrrd"
_SPACING_MM = (0.8, 0.8, 1.0)


@dataclass(frozen=True, eq=False)
class DemoResult:
    """The completed phantom and how close its implant comes to the piece that was removed."""

    scan: Path
    completion: CompleteResult
    scores: Evaluation


def demo(
    folder: Path, *, seed: int = 0, overwrite: bool = False, progress: Progress | None = None
) -> DemoResult:
    """Make a head CT with a craniectomy, write it, and complete it.

    Args:
        folder: Where everything goes; made when absent.
        seed: Of the patient.
        overwrite: Whether existing files may be replaced.
        progress: Called with the name of each stage.

    Raises:
        OutputError: A file exists already or cannot be written.
        WeightsError: The checkpoint cannot be had.
    """
    scan = folder / SCAN_NAME
    if scan.exists() and not overwrite:
        raise OutputError(f"{scan} exists already", hint="use --overwrite, or another -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error}", hint="choose another -o") from error
    if progress is not None:
        progress("making a patient", None)
    patient = head_phantom(spacing=_SPACING_MM, seed=seed)
    write_volume(patient.ct, scan)
    options = CompleteOptions(kind="ct", overwrite=overwrite)
    result = complete(scan, folder, options, progress=progress)
    return DemoResult(scan, result, evaluate_masks(result.implant, patient.implant, result.bone))
