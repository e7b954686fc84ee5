"""``skullfix batch TASK``: a task with its own options, on all cases of a folder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from skullfix.cli.batch_progress import BatchProgress
from skullfix.cli.first_run import announce_first_run
from skullfix.cli.interrupts import two_interrupts
from skullfix.cli.render import JsonOption, QuietOption, command
from skullfix.errors import BatchError
from skullfix.files.opening import must_exist

TASKS = {  # name of the task and its command: what it does, who reads its options, an example's
    "complete": ("Complete the skulls of a folder.", "complete:complete_options", ""),
    "upscale": (
        "Make the skull masks of a folder finer.",
        "finer:read_fine_options",
        " --factor 2",
    ),
    "refine": ("Refine the organ masks of a folder.", "finer:read_fine_options", " --organ heart"),
}
_ALONE = ("preview",)  # options that only a single run has
_FAILED_SHOWN = 5  # failures that are named at the end

app = typer.Typer(
    help="""Run a task on all cases of a folder; resumes where it stopped.

    Example: skullfix batch complete scans/ -o results/

    Example: skullfix batch complete cases.csv -o results/ --workers 4
    """
)


def _shared(
    source: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder, or list of paths (.csv, .txt).")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of all outputs.")],
    pattern: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Take only these, e.g. '*_ct.nii.gz'.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do all cases again.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed cases again.")
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on this Dask cluster.")
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Compute in N processes of this machine (Dask).", min=0)
    ] = 0,
    threads: Annotated[int, typer.Option(help="Threads; 0 for all.", min=0)] = 0,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Hold the options that all batches share; never called."""


def _batch_command(task: str) -> Callable[..., None]:
    """Make the command of a task: the shared options and those of its own command."""
    module = import_module(f"skullfix.cli.{task}")
    shared = inspect.signature(_shared).parameters
    single = inspect.signature(getattr(module, task)).parameters
    own = [p for name, p in single.items() if name not in (*shared, *_ALONE)]
    hints = get_type_hints(getattr(module, task), include_extras=True)
    hints |= get_type_hints(_shared, include_extras=True)

    says, reader, words = TASKS[task]
    place, _, name = reader.partition(":")
    read_options = getattr(import_module(f"skullfix.cli.{place}"), name)

    def run(**given: Any) -> None:
        _run(task, given, read_options)

    parameters = [p.replace(annotation=hints[p.name]) for p in (*shared.values(), *own)]
    required = [p for p in parameters if p.default is p.empty]
    optional = [p for p in parameters if p.default is not p.empty]
    ordered = [
        p.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for p in (*required, *optional)
    ]
    vars(run)["__signature__"] = inspect.Signature(ordered)
    run.__annotations__ = {p.name: p.annotation for p in ordered}
    run.__doc__ = (
        f"{says}\n\n"
        f"Example: skullfix batch {task} scans/ -o results/{words}\n\n"
        f"Example: skullfix batch {task} cases.csv -o results/{words} --retry-failed\n\n"
        "A second run does what is left. Ctrl-C finishes the case in hand, a second one stops at "
        f"once. The options of `skullfix {task}` hold for every case."
    )
    return run


for _name in TASKS:
    app.command(_name)(_batch_command(_name))


def _run(
    task: str, given: dict[str, Any], read_options: Callable[[Mapping[str, Any]], Any]
) -> None:
    """Run a batch and show its summary."""
    with command(given["json_output"], quiet=given["quiet"]) as out:
        out.facts.update(task=f"batch {task}", inputs={"folder": str(given["source"])})
        must_exist(given["source"])
        from skullfix.sparse.threads import set_threads
        from skullfix.tasks.batch.cluster import ClusterSettings
        from skullfix.tasks.batch.run import BatchSettings, batch

        cluster = None
        if given["scheduler"] or given["workers"]:
            cluster = ClusterSettings(given["scheduler"], given["workers"])
        settings = BatchSettings(given["pattern"], given["retry_failed"], given["threads"], cluster)
        options = read_options(given)
        with (
            BatchProgress(quiet=given["quiet"]) as progress,
            two_interrupts(progress.stopping) as stop,
        ):
            if cluster is None:
                threads = set_threads(given["threads"])
                announce_first_run(given["backend"], threads, progress.note, given["device"])
            document = batch(
                task, given["source"], given["output"], options, settings,
                listener=progress, stop=stop,
            )  # fmt: skip
        out.finish(
            {**document, "task": f"batch {task}"},
            text=summary(document),
            exit_code=_exit_code(document),
        )


def _exit_code(document: Mapping[str, Any]) -> int:
    if document["status"] == "interrupted":
        return 130
    return BatchError.exit_code if document["totals"]["failed"] else 0


def summary(document: Mapping[str, Any]) -> str:
    """Say what a person reads at the end of a batch."""
    totals = document["totals"]
    words = {"error": "failed", "not_run": "not run"}
    counts = [f"{n} {words.get(s, s.replace('_', ' '))}" for s, n in totals["statuses"].items()]
    lines = [f"{totals['cases']} cases: {', '.join(counts)}"]
    if totals["earlier"]:
        lines[0] += f" ({totals['earlier']} from earlier runs)"
    failed = [row for row in document["cases"] if row["status"] == "error"]
    lines += [f"failed: {row['case']}: {row['error']}" for row in failed[:_FAILED_SHOWN]]
    if len(failed) > _FAILED_SHOWN:
        lines.append(f"and {len(failed) - _FAILED_SHOWN} more failures")
    if document["status"] == "interrupted":
        lines.append("interrupted: the same command goes on from here")
    if failed:
        lines.append("--retry-failed tries failed cases again")
    lines += [f"{name}: {path}" for name, path in document["outputs"].items()]
    lines.append(document["notice"])
    return "\n".join(lines)
