"""Bring a catalogued checkpoint from the mirrors into the cache, or say exactly why not."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from skullfix.errors import WeightsError
from skullfix.files.whole import put_in_place
from skullfix.version import __version__
from skullfix.weights.backoff import delay
from skullfix.weights.cache import cached_path, trusted
from skullfix.weights.catalogue import Entry
from skullfix.weights.digest import sha256_of
from skullfix.weights.library import Library
from skullfix.weights.part import Part
from skullfix.weights.transfer import TransferError, transfer

if TYPE_CHECKING:
    from requests import Session

Progress = Callable[[str, float | None], None]
SPARE = 16 << 20  # bytes that a download leaves free on the disk
LONGEST = 200  # tries at one mirror, however well each of them begins


def download(entry: Entry, library: Library, progress: Progress) -> Path:
    """Bring a checkpoint into the cache; only a file with the right hash ever gets its name.

    Returns:
        Path of the file in the cache.

    Raises:
        WeightsError: No mirror gave the file, or it could not be stored; with URL, expected hash,
            target path and what to do.
    """
    target = cached_path(library.cache, entry.sha256)
    if library.offline:
        raise _failure(entry, target, "SKULLFIX_OFFLINE is set", "Unset it, or " + _by_hand(entry))
    if not library.mirrors:
        raise _failure(
            entry,
            target,
            "no mirror is configured",
            f"Set SKULLFIX_WEIGHTS_URL to the address of a folder with {entry.file}, or "
            + _by_hand(entry),
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f"{entry.sha256}.lock"), entry, progress):
            if trusted(target, entry.size, entry.sha256):  # another process brought it meanwhile
                return target
            return _from_mirrors(entry, library, target, progress)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            with contextlib.suppress(OSError):
                _part(target).discard()
        raise _failure(
            entry,
            target,
            f"the cache cannot be written: {error.strerror or error}",
            "Make room or give permission there, or set SKULLFIX_CACHE to another folder.",
        ) from error


def _from_mirrors(entry: Entry, library: Library, target: Path, progress: Progress) -> Path:
    """Try the mirrors in order; the cache is locked for this file."""
    part = _part(target)
    _check_space(entry, target, part)
    problems = []
    with _session() as session:
        for base in library.mirrors:
            url = f"{base}/{entry.file}"
            try:
                _from_mirror(session, url, part, entry, library, progress)
            except TransferError as error:
                problems.append(f"{_shown(url)}: {error}")
                continue
            put_in_place(part.path, target)
            part.discard()
            return target
    raise _failure(
        entry,
        target,
        "; ".join(problems),
        "Check the network, proxy variables and SKULLFIX_WEIGHTS_URL, or " + _by_hand(entry),
    )


def _from_mirror(
    session: Session, url: str, part: Part, entry: Entry, library: Library, progress: Progress
) -> None:
    """Fill the part with the right bytes from one mirror, trying again while that may help."""
    stage = f"download {entry.file} ({entry.size / 1e6:.1f} MB)"
    failures = 0
    for _ in range(LONGEST):
        before = part.resumable(url, entry.size)[0]
        progress(stage, before / entry.size)
        try:
            transfer(
                session,
                url,
                part,
                entry.size,
                library.patience,
                lambda got: progress(stage, got / entry.size),
            )
            _check_hash(part, entry, continued=before > 0)
            return
        except TransferError as error:
            advanced = part.resumable(url, entry.size)[0] > before
            failures = 1 if advanced else failures + 1
            if not error.again or failures >= library.patience.attempts:
                raise
            asked = delay(failures, library.patience) if error.wait is None else error.wait
            pause = min(asked, library.patience.longest_delay)
            progress(f"wait {pause:.0f} s: {error}", None)
            time.sleep(pause)
    raise TransferError(f"the connection broke {LONGEST} times", again=False)


def _check_hash(part: Part, entry: Entry, *, continued: bool) -> None:
    """Compare what is on the disk with the catalogue; a part that differs is deleted at once."""
    found = sha256_of(part.path)
    if found != entry.sha256:
        part.discard()
        # A continued file may be a mixture, so it gets another try from its beginning.
        raise TransferError(f"the bytes have the sha256 {found}", again=continued)


def _part(target: Path) -> Part:
    return Part(target.with_suffix(".part"))


def _check_space(entry: Entry, target: Path, part: Part) -> None:
    """Refuse before the first byte what the disk cannot hold."""
    have = part.path.stat().st_size if part.path.is_file() else 0
    needed = entry.size - min(have, entry.size) + SPARE
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise _failure(
            entry,
            target,
            f"the disk has {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB are needed",
            "Make room there, or set SKULLFIX_CACHE to a folder on another disk.",
        )


@contextlib.contextmanager
def _locked(path: Path, entry: Entry, progress: Progress) -> Iterator[None]:
    """Hold the lock of one file; the system frees it when its process dies, however that dies."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"wait for another process that downloads {entry.file}", None)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _session() -> Session:
    """Make a session that obeys the proxy and certificate variables of the environment."""
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = f"skullfix/{__version__}"
    if bundle := os.environ.get("SSL_CERT_FILE"):  # requests knows the other two itself
        session.verify = bundle
    return session


def _by_hand(entry: Entry) -> str:
    return f"bring {entry.file} and its card here by hand and name that file."


def _shown(url: str) -> str:
    """Return a URL without the password it may carry."""
    split = urlsplit(url)
    if "@" not in split.netloc:
        return url
    return urlunsplit(split._replace(netloc="***@" + split.netloc.rpartition("@")[2]))


def _failure(entry: Entry, target: Path, reason: str, hint: str) -> WeightsError:
    return WeightsError(
        f"The checkpoint {entry.reference} could not be fetched: {reason}. "
        f"Expected {entry.size} bytes with sha256 {entry.sha256}, to be stored as {target}.",
        hint=hint,
    )
