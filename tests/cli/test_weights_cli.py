from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from skullfix.cli.main import run

CARD = {
    "name": "small",
    "version": "1",
    "task": "complete",
    "architecture": "table1-ch1",
    "channels": [8, 8, 16, 16, 32, 32, 64],
    "in_channels": 1,
    "spacing_mm": 0.9,
    "training_data": "noise",
    "licence": "CC BY-NC-SA 4.0",
    "metrics": {"dice": 0.91234},
    "created_with": ["make noise"],
    "thresholds": None,
    "notes": "",
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the command a cache and a shelf of its own."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SKULLFIX_WEIGHTS_URL", raising=False)
    monkeypatch.delenv("SKULLFIX_OFFLINE", raising=False)
    (tmp_path / "shelf").mkdir()
    monkeypatch.setenv("SKULLFIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SKULLFIX_WEIGHTS_FOLDER", str(tmp_path / "shelf"))
    return tmp_path


@pytest.fixture
def made(home: Path) -> Path:
    """Return a checkpoint file; its card lies beside it, without a hash."""
    path = home / "run" / "best.safetensors"
    path.parent.mkdir()
    save_file({"noise": np.arange(10_000, dtype=np.float32)}, path)
    path.with_suffix(".json").write_text(json.dumps(CARD))
    return path


@pytest.fixture
def mirror(home: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a folder with the standard library's static file server."""
    folder = home / "mirror"
    folder.mkdir()
    (folder / "small-1.safetensors").write_bytes(made.read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("SKULLFIX_WEIGHTS_URL", f"http://127.0.0.1:{server.server_address[1]}")
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def release(made: Path, *words: str) -> int:
    card = made.with_suffix(".json")
    return run(["weights", "release", str(made), "--card", str(card), *words])


def document(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["weights", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_empty_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "list"]) == 0
    assert "no checkpoint" in capsys.readouterr().out
    assert document(capsys, "list")["checkpoints"] == []
    assert document(capsys, "pull", "--all")["checkpoints"] == []


def test_release_then_list(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release(made, "--default") == 0
    assert run(["weights", "list"]) == 0
    shown = capsys.readouterr().out
    for part in ("small@1 *", "complete", "0.9 mm", "0.0 MB", "bundled", "dice 0.9123", "BY-NC-SA"):
        assert part in shown
    (row,) = document(capsys, "list")["checkpoints"]
    assert row["where"] == "bundled"
    assert row["default"]
    assert Path(row["path"]).is_file()


def test_markdown_table(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release(made, "--default")
    capsys.readouterr()
    assert run(["weights", "list", "--markdown"]) == 0
    head, rule, row = capsys.readouterr().out.splitlines()
    assert head.startswith("| checkpoint | task |")
    assert set(rule) == {"|", "-", " "}
    assert "| small@1 (default) | complete | 0.9 mm |" in row


def test_readme_shows_the_catalogue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKULLFIX_WEIGHTS_FOLDER")
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    if "<!-- weights -->" not in text:
        pytest.skip("the README has no table of weights")
    assert run(["weights", "list", "--markdown"]) == 0
    shown = text.partition("<!-- weights -->")[2].partition("<!-- /weights -->")[0]
    assert shown.strip() == capsys.readouterr().out.strip()


def test_remote_life_cycle(made: Path, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release(made, "--no-bundle") == 0
    assert document(capsys, "list")["checkpoints"][0]["where"] == "remote"
    failure = document(capsys, "path", "small", code=4)
    assert failure["error"]["code"] == "weights_unavailable"
    assert "weights pull small@1" in failure["error"]["hint"]
    (pulled,) = document(capsys, "pull", "small")["checkpoints"]
    assert pulled["source"] == "downloaded"
    assert document(capsys, "pull", "small@1")["checkpoints"][0]["source"] == "cached"
    assert document(capsys, "path", "small")["path"] == pulled["path"]
    assert document(capsys, "verify")["verified"][0]["path"] == pulled["path"]
    Path(pulled["path"]).write_bytes(b"damage")
    failure = document(capsys, "verify", code=4)
    assert failure["damaged"] == [{"name": "small@1", "path": pulled["path"]}]
    again = document(capsys, "pull", "small")
    assert again["checkpoints"][0]["source"] == "downloaded"
    assert pulled["path"] in again["warnings"][0]
    assert pulled["path"] in document(capsys, "remove", "small")["removed"]
    assert document(capsys, "remove", "small")["removed"] == []
    assert not list((Path(os.environ["SKULLFIX_CACHE"]) / "files").glob("*.safetensors*"))


def test_pull_shows_plain_progress(
    made: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release(made, "--no-bundle")
    capsys.readouterr()
    assert run(["weights", "pull", "small"]) == 0
    assert capsys.readouterr().err == "download small-1.safetensors (0.0 MB)\n"
    run(["weights", "remove", "small"])
    capsys.readouterr()
    assert run(["weights", "pull", "small", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_pull_failure_has_everything(
    made: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release(made, "--no-bundle")
    (mirror / "small-1.safetensors").unlink()
    capsys.readouterr()
    assert run(["weights", "pull", "small"]) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "404" in shown.err
    assert f"{os.environ['SKULLFIX_WEIGHTS_URL']}/small-1.safetensors" in shown.err
    assert os.environ["SKULLFIX_CACHE"] in shown.err
    assert shown.err.splitlines()[-1].startswith("hint: ")


@pytest.mark.parametrize("words", [["pull"], ["pull", "small", "--all"]])
def test_pull_needs_one_choice(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, *words, code=2)["error"]["code"] == "usage"


def test_bundled_cannot_be_removed(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release(made)
    assert document(capsys, "remove", "small", code=2)["error"]["code"] == "usage"


def test_release_refuses_other_bytes(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release(made)
    save_file({"noise": np.zeros(10, dtype=np.float32)}, made)
    assert release(made) == 6
    assert "higher version" in capsys.readouterr().err


def test_import_of_an_own_checkpoint(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from skullfix.networks.checkpoint import save_checkpoint
    from skullfix.networks.config import CONFIGS
    from skullfix.networks.unet import SparseUNet

    path = home / "own.safetensors"
    save_checkpoint(SparseUNet(CONFIGS["table1-ch1"]), CARD, path)
    found = document(capsys, "import", str(path), "--name", "mine")
    assert Path(found["path"]).is_file()
    assert document(capsys, "path", "mine")["source"] == "imported"
    assert document(capsys, "list")["checkpoints"][0]["where"] == "imported"


@pytest.mark.parametrize(
    "words", [("--task", "complete"), ("--spacing", "5"), ("--licence", "MIT")]
)
def test_import_refuses_the_options_of_a_pickle(
    words: tuple[str, str], made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = document(capsys, "import", str(made), *words, code=2)
    assert failure["error"]["message"].startswith(f"{words[0]} is for a .pth")


def test_import_of_another_shape(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failure = document(capsys, "import", str(made), code=4)
    assert "does not hold the network" in failure["error"]["message"]


def test_import_under_a_released_name(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release(made)
    failure = document(capsys, "import", str(made), code=4)
    assert failure["status"] == "error"


def test_import_refuses_a_pickle_that_wants_to_run_code(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(home / "ran"),))

    torch.save({"x": Trap()}, home / "a.pth")
    failure = document(capsys, "import", str(home / "a.pth"), code=4)
    assert "wants to run code" in failure["error"]["message"]
    assert not (home / "ran").exists()


def test_info_tells_the_state(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release(made)
    capsys.readouterr()
    assert run(["info", "--json"]) == 0
    weights = json.loads(capsys.readouterr().out)["weights"]
    assert weights["checkpoints"] == {"small@1": "bundled"}
    assert weights["cache"] == os.environ["SKULLFIX_CACHE"]
