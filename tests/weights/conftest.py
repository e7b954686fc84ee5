from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_server import BadServer, Behaviour
from safetensors.numpy import save_file

from skullfix.weights.catalogue import Entry
from skullfix.weights.library import Library, Patience
from skullfix.weights.publish import publish_checkpoint

IMPATIENT = Patience(connect=2.0, read=0.5, attempts=3, first_delay=0.01, longest_delay=0.05)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the machine's proxies and settings from the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CACHE", "WEIGHTS_URL", "WEIGHTS_FOLDER", "OFFLINE"):
        monkeypatch.delenv(f"SKULLFIX_{name}", raising=False)


@pytest.fixture
def card() -> dict[str, Any]:
    return {
        "name": "small",
        "version": "1",
        "task": "complete",
        "architecture": "table1-ch1",
        "channels": [8, 8, 16, 16, 32, 32, 64],
        "in_channels": 1,
        "spacing_mm": 0.9,
        "training_data": "noise",
        "licence": "CC0-1.0",
        "metrics": {"dice": 0.9},
        "created_with": ["make noise"],
        "thresholds": None,
        "notes": "",
    }


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a .safetensors file of about 400 kB that holds noise."""
    path = tmp_path / "made" / "noise.safetensors"
    path.parent.mkdir()
    noise = np.random.default_rng(0).standard_normal((100, 1000)).astype(np.float32)
    save_file({"noise": noise}, path)
    return path


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "released").mkdir()
    return Library(tmp_path / "released", tmp_path / "cache", patience=IMPATIENT)


@pytest.fixture
def remote(checkpoint: Path, card: dict[str, Any], library: Library) -> Entry:
    """Return a checkpoint that is in the catalogue and not on this machine."""
    return publish_checkpoint(checkpoint, card, library.released, default=True, bundle=False)


@pytest.fixture
def serve(checkpoint: Path) -> Iterator[Callable[..., BadServer]]:
    """Start servers of the checkpoint that follow a plan of behaviours."""
    servers: list[BadServer] = []

    def start(*plan: Behaviour) -> BadServer:
        servers.append(BadServer(checkpoint.read_bytes(), *plan))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def write_card(card: dict[str, Any]) -> Callable[..., Path]:
    def write(checkpoint: Path, **changes: Any) -> Path:
        path = checkpoint.with_suffix(".json")
        path.write_text(json.dumps({**card, **changes}))
        return path

    return write
