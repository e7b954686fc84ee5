"""``skullfix evaluate``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from skullfix.cli.engine import BackendOption
from skullfix.cli.render import JsonOption, Output, QuietOption, command
from skullfix.errors import UsageError

_SET_OPTIONS = ("part", "model", "families", "cases", "methods", "output", "overwrite")


def evaluate(
    prediction: Annotated[
        Path | None, typer.Argument(help="Predicted mask, e.g. an implant.")
    ] = None,
    truth: Annotated[Path | None, typer.Argument(help="True mask on the same grid.")] = None,
    defective: Annotated[
        Path | None, typer.Option(help="Defective skull, for the boundary DSC.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--set", help="Folder of skulls (complete_skull/, split.txt, implant/)."),
    ] = None,
    part: Annotated[str, typer.Option(help="--set: validation or train.")] = "validation",
    model: Annotated[str | None, typer.Option(help="--set: NAME, NAME@VERSION or a path.")] = None,
    families: Annotated[
        str, typer.Option(help="--set: kinds of defects, with commas; all by default.")
    ] = "",
    cases: Annotated[str, typer.Option(help="--set: skulls, with commas; all by default.")] = "",
    methods: Annotated[
        str, typer.Option(help="--set: network, mirror, or both with a comma.")
    ] = "network,mirror",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="--set: folder for cases.jsonl and table.md."),
    ] = None,
    backend: BackendOption = "auto",
    threads: Annotated[int, typer.Option(help="Threads; 0 for all.", min=0)] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="--set: measure all rows again.")
    ] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare a predicted mask with the true one, or measure a model over a folder of skulls.

    Example: skullfix evaluate scan_implant.nrrd truth.nrrd --defective scan.nrrd

    Example: skullfix evaluate --set autoimplant/ -o accuracy/

    --set completes every skull with a defect of each kind, by network and by mirroring it.

    With -o a second run goes on where the first ended.
    """
    given = dict(locals())
    with command(json_output, quiet=quiet) as out:
        if data is not None:
            if prediction is not None:
                raise UsageError(
                    "--set takes no masks to compare", hint="give either two masks or --set FOLDER"
                )
            if defective is not None:
                raise UsageError(
                    "--defective belongs to two masks; --set makes the defects itself",
                    hint="drop --defective or --set",
                )
            out.facts.update(task="evaluate set", inputs=[str(data)])
            from skullfix.sparse.threads import set_threads
            from skullfix.tasks.evaluate_set import SetOptions, evaluate_set

            set_threads(threads)
            options = SetOptions(
                part, model, backend, _list(families), _list(cases), _list(methods), overwrite
            )
            result = evaluate_set(data, output, options, progress=out.progress)
            out.finish(result.document, text=result.tables)
        elif prediction is None or truth is None:
            raise UsageError(
                "two masks are needed, or a folder",
                hint="skullfix evaluate PREDICTION TRUTH, or skullfix evaluate --set FOLDER",
            )
        else:
            _refuse_set_options(given)
            out.facts.update(task="evaluate", inputs=[str(prediction), str(truth)])
            _compare(prediction, truth, defective, out)


def _refuse_set_options(given: dict[str, Any]) -> None:
    """Refuse options of --set where two masks are compared."""
    defaults = {name: p.default for name, p in inspect.signature(evaluate).parameters.items()}
    for name in _SET_OPTIONS:
        if given[name] != defaults[name]:
            raise UsageError(
                f"--{name} belongs to --set FOLDER; two masks are compared without it",
                hint=f"drop --{name}, or give --set FOLDER in place of the masks",
            )


def _list(text: str) -> tuple[str, ...]:
    """Read names with commas between them."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _compare(prediction: Path, truth: Path, defective: Path | None, out: Output) -> None:
    """Compare two masks."""
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
