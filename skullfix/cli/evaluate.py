"""``skullfix evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skullfix.cli.render import JsonOption, command


def evaluate(
    prediction: Annotated[Path, typer.Argument(help="Predicted mask, e.g. an implant.")],
    truth: Annotated[Path, typer.Argument(help="True mask on the same grid.")],
    defective: Annotated[
        Path | None, typer.Option(help="Defective skull, for the boundary DSC.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Compare a predicted mask with the true one: DSC, boundary DSC, HD95, RE.

    Example: skullfix evaluate scan_implant.nrrd truth.nrrd --defective scan.nrrd

    Example: skullfix evaluate scan_complete.nrrd skull.nrrd --json
    """
    with command(json_output) as out:
        out.facts.update(task="evaluate", inputs=[str(prediction), str(truth)])
        from skullfix.evaluation.evaluate import evaluate_masks
        from skullfix.images.mask import as_mask
        from skullfix.images.read import read_scan
        from skullfix.images.volume import Volume

        predicted = read_scan(prediction).volume
        if predicted.array.any():
            predicted, _ = as_mask(predicted)
        else:  # an empty prediction is a wrong answer, not a wrong file
            predicted = Volume(predicted.array != 0, predicted.geometry)
        true, _ = as_mask(read_scan(truth).volume)
        bone = as_mask(read_scan(defective).volume)[0] if defective else None
        scores = evaluate_masks(predicted, true, bone).to_dict()
        lines = [f"{name}: {value:.4f}" for name, value in scores.items() if value is not None]
        out.finish({"status": "success", **scores}, text="\n".join(lines))
