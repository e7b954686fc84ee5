"""What the tests of downloads share: a download, and what must hold after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bad_server import BadServer

from skullfix.errors import WeightsError
from skullfix.weights.cache import cached_path
from skullfix.weights.catalogue import Entry
from skullfix.weights.digest import sha256_of
from skullfix.weights.download import download
from skullfix.weights.library import Library
from skullfix.weights.transfer import CHUNK

Serve = Callable[..., BadServer]


def silent(stage: str, fraction: float | None) -> None:
    """Report to nobody."""


def bring(entry: Entry, library: Library, *servers: BadServer) -> Path:
    return download(entry, replace(library, mirrors=tuple(s.url for s in servers)), silent)


def assert_right(path: Path, entry: Entry, library: Library) -> None:
    assert path == cached_path(library.cache, entry.sha256)
    assert sha256_of(path) == entry.sha256
    left = {p.name for p in path.parent.iterdir()}
    assert left <= {path.name, f"{entry.sha256}.lock"}


def assert_refused(entry: Entry, library: Library, *servers: BadServer) -> str:
    """Check what every failure must hold, and that a later run succeeds all the same."""
    with pytest.raises(WeightsError) as caught:
        bring(entry, library, *servers)
    target = cached_path(library.cache, entry.sha256)
    assert not target.exists()
    message = caught.value.message
    assert caught.value.exit_code == 4
    assert caught.value.hint
    assert f"{servers[0].url}/{entry.file}" in message
    assert entry.sha256 in message
    assert str(target) in message
    healthy = BadServer(servers[0].body)
    try:
        healthy.body = next((s.body for s in servers if len(s.body) == entry.size), healthy.body)
        assert_right(bring(entry, library, healthy), entry, library)
    finally:
        healthy.close()
    return message


def assert_resumed(server: BadServer, at: int, request: int = -1) -> None:
    """Check that a request went on where the bytes ended, to within the last chunk."""
    asked = server.ranges()[request]
    first = int(asked[6:-1]) if asked else 0
    assert at - CHUNK < first <= at
