"""Cases on a Dask cluster: the same cases, journal and outcomes; the workers do the work."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from skullfix.errors import UsageError, WorkersLostError
from skullfix.tasks.batch.admit import Admission, Rules
from skullfix.tasks.batch.books import Books
from skullfix.tasks.batch.case import Case, failure_of
from skullfix.tasks.batch.listener import Listener
from skullfix.tasks.batch.work import Work
from skullfix.tasks.batch.worker import Errand, run_errand

TRIES = 3  # of a case that fails for a reason that may go away
CONNECT_S = 30.0
_LOOK_S = 0.2


@dataclass(frozen=True)
class ClusterSettings:
    """Where the cases go.

    Attributes:
        scheduler: Address of a running scheduler, e.g. ``tcp://10.0.0.1:8786``; or None.
        workers: Processes of a cluster on this machine, where there is no scheduler.
    """

    scheduler: str | None = None
    workers: int = 0


def check_cluster(settings: ClusterSettings) -> None:
    """Refuse settings that cannot be obeyed, before any work.

    Raises:
        UsageError: Both or neither are given, or Dask is not installed.
    """
    if bool(settings.scheduler) == bool(settings.workers):
        raise UsageError(
            "A cluster is either a scheduler's address or a number of workers.",
            hint="Give --scheduler or --workers, not both.",
        )
    if settings.workers < 0:
        raise UsageError("--workers must be at least 1.", hint="Give a positive number.")
    if find_spec("distributed") is None:
        raise UsageError(
            "Dask is not installed, and a cluster needs it.",
            hint="pip install 'skullfix[cluster]', or leave --scheduler and --workers out.",
        )


def run_on_cluster(
    cases: Sequence[Case],
    rules: Rules,
    work: Work,
    settings: ClusterSettings,
    books: Books,
    stop: Callable[[], bool],
) -> None:
    """Try all cases on a cluster; results are written by the workers.

    Args:
        cases: In this order.
        rules: Decide which are tried.
        work: Says what is done.
        settings: Which cluster.
        books: Where the ends are written.
        stop: When it says so, cases that no worker has begun are taken back.

    Raises:
        UsageError: No scheduler answers.
        OutputError: The journal cannot be kept.
    """
    with _cluster(settings, books.listener) as link:
        threads = work.threads
        if settings.workers and not threads:
            threads = max(1, (os.cpu_count() or 1) // settings.workers)
        campaign = _Campaign(link, rules, work, threads, books)
        waiting = iter(cases)
        while True:
            if stop():
                campaign.withdraw()
            elif (case := next(waiting, None)) is not None:
                campaign.admit(case)
                campaign.look()
                continue
            if campaign.over(stopped=stop()):
                return
            campaign.look()
            time.sleep(_LOOK_S)


class _Link:
    """The connection to a scheduler, made anew when it is lost for good."""

    def __init__(self, address: str, listener: Listener, ignore_interrupts: bool) -> None:
        self._address = address
        self._listener = listener
        self._ignore_interrupts = ignore_interrupts
        self._away = False
        try:
            self.client = self._connect()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"No Dask scheduler answers at {address} ({error}).",
                hint="Check the address, e.g. tcp://10.0.0.1:8786, and that it is running.",
            ) from error

    def ready(self) -> bool:
        """Tell whether the scheduler is there now; tries to reach it where it was lost."""
        if self.client.status == "closed":
            with suppress(OSError):
                self.client = self._connect()
        there = bool(self.client.status == "running")
        if there == self._away:
            self._away = not there
            self._listener.note(
                "the scheduler is back" if there else "the scheduler is away; waiting for it"
            )
        return there

    def close(self) -> None:
        """Leave the cluster."""
        with suppress(OSError, TimeoutError):
            self.client.close(timeout=5)

    def _connect(self) -> Any:
        from distributed import Client, WorkerPlugin

        client = Client(self._address, timeout=CONNECT_S, set_as_default=False)
        if self._ignore_interrupts:

            class Deaf(WorkerPlugin):  # type: ignore[misc, unused-ignore]
                """Leaves Ctrl-C, which a terminal sends to all its processes, to the batch."""

                def setup(self, worker: Any) -> None:
                    if threading.current_thread() is threading.main_thread():
                        signal.signal(signal.SIGINT, signal.SIG_IGN)

            client.register_plugin(Deaf(), name="skullfix-deaf")
        return client


@dataclass(eq=False)
class _Campaign:
    """The cases that are out, and what came back."""

    link: _Link
    rules: Rules
    work: Work
    threads: int
    books: Books
    out: dict[Any, Admission] = field(default_factory=dict)  # future -> its case
    again: list[Admission] = field(default_factory=list)  # to be sent when the scheduler is there
    tries: dict[str, int] = field(default_factory=dict)
    withdrawn: bool = False

    def admit(self, case: Case) -> None:
        """Look at a case and send it if it is to be tried."""
        admission = self.rules.admit(case)
        if admission.ended is not None:
            self.books.end(admission, admission.ended, earlier=admission.earlier)
            return
        self.books.begin(admission)
        self.tries[case.name] = 0
        self.again.append(admission)

    def over(self, *, stopped: bool) -> bool:
        """Tell whether nothing is left to wait for."""
        return not self.out and (stopped or not self.again)

    def look(self) -> None:
        """Take what has come back, send what is to be sent."""
        if not self.link.ready():
            self.again += self.out.values()  # the new scheduler will not know them
            self.out.clear()
            return
        for future in [future for future in self.out if future.done()]:
            self._take(future, self.out.pop(future))
        if self.again and not self.withdrawn:
            for admission in self.again:
                self._send(admission)
            self.again.clear()

    def withdraw(self) -> None:
        """Take back all cases that no worker computes now."""
        if self.withdrawn or not self.link.ready():
            return
        self.withdrawn = True
        stacks = self.link.client.call_stack(list(self.out)) if self.out else {}
        running = {key for worker in stacks.values() for key in worker}
        idle = [future for future in self.out if future.key not in running]
        for future in idle:
            del self.out[future]
        if idle:
            self.link.client.cancel(idle, force=True)

    def _send(self, admission: Admission) -> None:
        case = admission.case
        errand = Errand(
            self.work.task.name,
            case,
            self.work.options,
            self.work.root,
            self.rules.model_sha256,
            self.threads,
            last_try=self.tries[case.name] >= TRIES - 1,
        )
        key = f"skullfix-{uuid.uuid4().hex}"  # not the case's name: Dask's keys must be UTF-8
        self.out[self.link.client.submit(run_errand, errand, key=key, pure=False)] = admission

    def _take(self, future: Any, admission: Admission) -> None:
        """Book what a future brought, or send its case again."""
        name = admission.case.name
        if future.status == "finished":
            try:
                self.books.end(admission, future.result())
                return
            except OSError:  # the result was lost on its way
                future = None
        if future is None or future.status in ("cancelled", "lost"):
            if not self.withdrawn:
                self.again.append(admission)
            return
        error = future.exception()
        self.tries[name] += 1
        if type(error).__name__ == "KilledWorker":
            error = WorkersLostError(
                f"Worker after worker died while this case ran. {error}",
                hint="Look into the workers' logs; often memory is short: give them more.",
            )
        elif self.tries[name] < TRIES:
            self.books.listener.note(f"{name}: trying again ({error})")
            self.again.append(admission)
            return
        self.books.end(admission, failure_of(admission.case, error))


@contextmanager
def _cluster(settings: ClusterSettings, listener: Listener) -> Iterator[_Link]:
    """Connect to the scheduler, or start a cluster of processes on this machine."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # the listener says what matters
    if settings.scheduler:
        link = _Link(settings.scheduler, listener, ignore_interrupts=False)
        try:
            yield link
        finally:
            link.close()
        return
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=settings.workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=0,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        link = _Link(cluster.scheduler_address, listener, ignore_interrupts=True)
        try:
            yield link
        finally:
            link.close()
