from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bad_server import BadServer

from skullfix.errors import WeightsError
from skullfix.weights.catalogue import Entry
from skullfix.weights.digest import sha256_of
from skullfix.weights.library import Library
from skullfix.weights.publish import publish_checkpoint
from skullfix.weights.resolve import find, is_path, listed, resolve_checkpoint, where

Serve = Callable[..., BadServer]


@pytest.fixture
def bundled(checkpoint: Path, card: dict[str, Any], library: Library) -> Entry:
    return publish_checkpoint(checkpoint, card, library.released, default=True)


@pytest.mark.parametrize("reference", [None, "small", "small@1"])
def test_bundled(reference: str | None, bundled: Entry, library: Library) -> None:
    found = resolve_checkpoint(reference, task="complete", library=library)
    assert found.path == library.released / "small-1.safetensors"
    assert (found.name, found.version, found.sha256) == ("small", "1", bundled.sha256)
    assert (found.source, found.licence, found.warnings) == ("bundled", "CC0-1.0", ())
    assert found.card["training_data"] == "noise"


def test_bundled_needs_neither_cache_nor_network(bundled: Entry, library: Library) -> None:
    offline = replace(library, offline=True, cache=Path("/dev/null/nowhere"))
    assert resolve_checkpoint(None, task="complete", library=offline).source == "bundled"


def test_downloaded_then_cached(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    lab = replace(library, mirrors=(server.url,))
    stages: list[str] = []
    first = resolve_checkpoint(
        "small", task="complete", library=lab, progress=lambda stage, _: stages.append(stage)
    )
    assert first.source == "downloaded"
    assert stages[0] == "download small-1.safetensors (0.4 MB)"
    second = resolve_checkpoint("small", task="complete", library=replace(lab, offline=True))
    assert second == replace(first, source="cached")
    assert len(server.requests) == 1


def test_damaged_cache_is_named_set_aside_and_fetched_again(
    serve: Serve, remote: Entry, library: Library
) -> None:
    lab = replace(library, mirrors=(serve().url,))
    path = resolve_checkpoint(None, task="complete", library=lab).path
    with path.open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"damage")
    with pytest.raises(WeightsError) as caught:
        resolve_checkpoint(None, task="complete", library=replace(lab, offline=True))
    assert f"{path} was damaged" in caught.value.message
    assert not path.exists()
    path.write_bytes(b"short")
    found = resolve_checkpoint(None, task="complete", library=lab)
    assert found.source == "downloaded"
    assert sha256_of(found.path) == remote.sha256
    assert str(path) in found.warnings[0]
    assert path.with_name(f"{path.name}.damaged").read_bytes() == b"short"


def test_damaged_bundle_is_named_and_replaced(
    serve: Serve, bundled: Entry, library: Library
) -> None:
    lab = replace(library, mirrors=(serve().url,))
    shelved = library.released / bundled.file
    shelved.write_bytes(b"damage")
    found = resolve_checkpoint(None, task="complete", library=lab)
    assert found.source == "downloaded"
    assert str(shelved) in found.warnings[0]


def test_read_only_cache_works(serve: Serve, remote: Entry, library: Library) -> None:
    lab = replace(library, mirrors=(serve().url,))
    path = resolve_checkpoint(None, task="complete", library=lab).path
    path.with_name(f"{remote.sha256}.lock").unlink(missing_ok=True)
    before = sorted(path.parent.iterdir())
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        assert resolve_checkpoint(None, task="complete", library=lab).source == "cached"
        assert sorted(path.parent.iterdir()) == before
    finally:
        path.parent.chmod(0o755)


def test_explicit_file(checkpoint: Path, write_card: Callable[..., Path], library: Library) -> None:
    write_card(checkpoint, sha256=sha256_of(checkpoint))
    found = resolve_checkpoint(str(checkpoint), task="complete", library=library)
    assert (found.path, found.source, found.name) == (checkpoint, "file", "small")


def test_explicit_file_whose_card_has_no_hash_yet(
    checkpoint: Path, write_card: Callable[..., Path], library: Library
) -> None:
    write_card(checkpoint)
    found = resolve_checkpoint(str(checkpoint), task="complete", library=library)
    assert found.sha256 == found.card["sha256"] == sha256_of(checkpoint)


def test_explicit_file_without_card(checkpoint: Path, library: Library) -> None:
    with pytest.raises(WeightsError) as caught:
        resolve_checkpoint(str(checkpoint), task="complete", library=library)
    assert ".json beside it" in caught.value.hint


def test_explicit_file_with_another_card(
    checkpoint: Path, write_card: Callable[..., Path], library: Library
) -> None:
    write_card(checkpoint, sha256="0" * 64)
    with pytest.raises(WeightsError, match="expects sha256 000"):
        resolve_checkpoint(str(checkpoint), task="complete", library=library)


@pytest.mark.parametrize("name", ["missing.safetensors", "model.pth", "folder/"])
def test_explicit_file_that_is_none(name: str, tmp_path: Path, library: Library) -> None:
    with pytest.raises(WeightsError) as caught:
        resolve_checkpoint(str(tmp_path / name), task="complete", library=library)
    assert caught.value.hint


def test_other_task_is_refused(bundled: Entry, library: Library) -> None:
    with pytest.raises(WeightsError, match="'complete', not for 'refine'"):
        resolve_checkpoint("small", task="refine", library=library)


@pytest.mark.parametrize("reference", ["large", "small@2", "small@", "Small", "a b", "", "small@x"])
def test_unknown_reference(reference: str, bundled: Entry, library: Library) -> None:
    with pytest.raises(WeightsError) as caught:
        resolve_checkpoint(reference, task="complete", library=library)
    assert "weights list" in caught.value.hint


def test_task_without_default(bundled: Entry, library: Library) -> None:
    with pytest.raises(WeightsError, match=r"default for 'refine'.*small@1"):
        resolve_checkpoint(None, task="refine", library=library)


def test_card_of_another_checkpoint_is_refused(bundled: Entry, library: Library) -> None:
    path = library.released / "small-1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": "2"}))
    with pytest.raises(WeightsError, match="describes another"):
        resolve_checkpoint(None, task="complete", library=library)


def test_pinned_version_outlives_newer_ones(
    checkpoint: Path, card: dict[str, Any], bundled: Entry, library: Library
) -> None:
    newer = checkpoint.with_name("newer.safetensors")
    newer.write_bytes(checkpoint.read_bytes()[:-1] + b"\x01")
    publish_checkpoint(newer, card | {"version": "1.10"}, library.released, default=True)
    publish_checkpoint(newer, card | {"version": "1.9"}, library.released)
    assert find("small@1", None, library).entry.sha256 == bundled.sha256
    assert find("small", None, library).entry.version == "1.10"
    assert find(None, "complete", library).entry.version == "1.10"


def test_released_name_goes_before_an_imported_one(
    checkpoint: Path, card: dict[str, Any], bundled: Entry, library: Library
) -> None:
    publish_checkpoint(checkpoint, card | {"name": "mine"}, library.imported)
    assert [item.imported for item in listed(library)] == [False, True]
    assert where(find("mine", None, library), library)[0] == "imported"
    assert resolve_checkpoint("mine", task="complete", library=library).source == "imported"


def test_names_and_paths() -> None:
    assert not is_path("small@1.2")
    assert is_path("./small")
    assert is_path("small.safetensors")
    assert is_path("C:\\small")


OFFLINE = """
import sys
def forbid(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"network: {event} {arguments}")
sys.addaudithook(forbid)
from skullfix.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def offline(library: Library, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OFFLINE, *words],
        capture_output=True,
        text=True,
        env={
            "SKULLFIX_OFFLINE": "1",
            "SKULLFIX_WEIGHTS_URL": "http://127.0.0.1:9/weights",
            "SKULLFIX_WEIGHTS_FOLDER": str(library.released),
            "SKULLFIX_CACHE": str(library.cache),
        },
    )


def test_offline_opens_no_socket(remote: Entry, library: Library) -> None:
    done = offline(library, "weights", "pull", "small")
    assert done.returncode == 4, done.stderr
    assert "network" not in done.stderr
    assert "SKULLFIX_OFFLINE" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("hint: ")


def test_the_socket_ban_of_these_tests_works() -> None:
    program = OFFLINE.partition("from skullfix")[0] + "import socket; socket.socket()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "network: socket.__new__" in done.stderr


def test_offline_uses_what_is_here(bundled: Entry, library: Library) -> None:
    assert offline(library, "weights", "pull", "small").returncode == 0
    assert offline(library, "weights", "verify").returncode == 0


def test_a_network_of_another_task_will_do_where_that_is_said() -> None:
    with pytest.raises(WeightsError, match="for the task 'upscale'"):
        resolve_checkpoint("skull-fine-256", task="refine")
    found = resolve_checkpoint("skull-fine-256", task="refine", also=("upscale",))
    assert found.card["task"] == "upscale"
    with pytest.raises(WeightsError, match="for the task 'complete'"):
        resolve_checkpoint("implant-l-128", task="refine", also=("upscale",))


def test_a_home_that_nobody_has_is_refused(library: Library) -> None:
    with pytest.raises(WeightsError, match="names a home folder"):
        resolve_checkpoint("~nosuchuser/a.safetensors", task="complete", library=library)
