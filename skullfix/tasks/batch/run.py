"""Run a task on all cases of a folder."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skullfix.errors import OutputError, UsageError
from skullfix.images.room import free_bytes
from skullfix.tasks.batch.admit import Rules, options_sha256
from skullfix.tasks.batch.books import Books
from skullfix.tasks.batch.cluster import ClusterSettings, check_cluster, run_on_cluster
from skullfix.tasks.batch.find import Found, find_cases
from skullfix.tasks.batch.journal import JOURNAL_NAME, Journal
from skullfix.tasks.batch.listener import Listener, Silent
from skullfix.tasks.batch.lock import locked
from skullfix.tasks.batch.page import write_page
from skullfix.tasks.batch.pipeline import run_here
from skullfix.tasks.batch.registry import BatchTask, Loaded, find_task
from skullfix.tasks.batch.summary import summary_rows, totals, write_csv, write_json
from skullfix.tasks.batch.work import Work
from skullfix.version import __version__

STAGING = ".skullfix-*"  # folders of outputs that a killed process never put in place


@dataclass(frozen=True)
class BatchSettings:
    """What a user may choose beside the task's own options.

    Attributes:
        pattern: Take only inputs whose path this glob pattern fits, from the right.
        retry_failed: Try cases again that failed before and have not changed.
        threads: For the engine; 0 for all.
        cluster: Where to compute; None for this process.
    """

    pattern: str | None = None
    retry_failed: bool = False
    threads: int = 0
    cluster: ClusterSettings | None = None


def batch(
    name: str,
    source: Path,
    folder: Path,
    options: Any,
    settings: BatchSettings | None = None,
    *,
    listener: Listener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run a task on all cases of a folder or a list; what was done before is not done again.

    No process is started unless `settings` asks for a cluster of this machine.

    Args:
        name: The task, e.g. ``complete``.
        source: A folder, or a list of paths (.csv, .tsv, .txt).
        folder: Where everything goes; it mirrors the folders of the inputs.
        options: The task's options; ``overwrite`` does every case again.
        settings: See `BatchSettings`.
        listener: Hears of the progress.
        stop: Asked between cases; when it says so, the case in hand is finished, no other begun.

    Returns:
        The summary: ``status`` (success, partial where a case failed, interrupted), ``totals`` and
        ``cases``; the same as in ``summary.json``.

    Raises:
        UsageError: Options that cannot be obeyed.
        InputError: No case is there.
        WeightsError: The checkpoint cannot be had.
        OutputError: The folder is not writable, or another batch works there.
    """
    settings = settings or BatchSettings()
    listener = listener or Silent()
    task = find_task(name)
    free_bytes()  # a bad limit of memory is refused here, once, and not by every case
    task.check(options)
    if not hasattr(options, "overwrite"):
        raise UsageError(f"{type(options).__name__} are no options of {name}.")
    if settings.cluster is not None:
        check_cluster(settings.cluster)
    found = find_cases(source, folder, pattern=settings.pattern)
    root = folder.resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{root} cannot be made ({error.strerror or error}).", hint="Choose another -o."
        ) from error
    with locked(root), Journal(root / JOURNAL_NAME) as journal:
        _sweep(root, found)
        loaded = task.load(options, lambda stage, _: listener.stage("", stage))
        journal.run(_facts(task, source, options, loaded))
        if journal.damaged:
            listener.note(f"{journal.damaged} lines of the journal cannot be read")
        if found.ignored:
            listener.note(f"{len(found.ignored)} files are no images: {found.ignored[0]} …")
        listener.total(len(found.cases))
        books = Books(journal, root, listener)
        digest, sha256 = options_sha256(task, options), loaded.facts["sha256"]
        rules = Rules(task, options, digest, sha256, journal, root, settings.retry_failed)
        work = Work(task, options, root, settings.threads)
        if settings.cluster is None:
            run_here(found.cases, rules, work, loaded.model, books, stop)
        else:
            run_on_cluster(found.cases, rules, work, settings.cluster, books, stop)
        document = _summary(task, found, books, loaded)
        _write(document, root)
    return document


def _facts(task: BatchTask, source: Path, options: Any, loaded: Loaded) -> dict[str, Any]:
    """Say what a batch was asked for and where it ran."""
    values = json.loads(json.dumps(asdict(options), default=str))
    return {
        "task": task.name,
        "source": str(source),
        "options": values,
        "model": loaded.facts,
        "version": __version__,
        "host": socket.gethostname(),
        "process": os.getpid(),
    }


def _summary(task: BatchTask, found: Found, books: Books, loaded: Loaded) -> dict[str, Any]:
    """Gather the summary."""
    rows = summary_rows(found.cases, books.outcomes, frozenset(books.earlier))
    figures = totals(rows)
    status = "partial" if figures["failed"] else "success"
    return {
        "status": "interrupted" if figures["not_run"] else status,
        "task": task.name,
        "version": __version__,
        "ended": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "model": loaded.facts,
        "outputs": {
            "summary": str(books.root / "summary.json"),
            "table": str(books.root / "summary.csv"),
            "page": str(books.root / "summary.html"),
            "journal": str(books.journal.path),
        },
        "totals": figures,
        "ignored": list(found.ignored),
        "cases": rows,
        "notice": "Research use; not a medical device.",
    }


def _write(document: dict[str, Any], root: Path) -> None:
    write_csv(document["cases"], root / "summary.csv")
    write_page(document, root, root / "summary.html")
    write_json(document, root / "summary.json")


def _sweep(root: Path, found: Found) -> None:
    """Remove what killed processes left half-written; the lock says that nobody works here."""
    for left in root.glob(".summary.*.tmp"):
        left.unlink(missing_ok=True)
    for folder in {case.folder for case in found.cases}:
        for left in folder.glob(STAGING):
            shutil.rmtree(left, ignore_errors=True)
