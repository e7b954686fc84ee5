from __future__ import annotations

import json

import pytest

from skullfix import __version__
from skullfix.cli.main import run


def test_info_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "success"
    assert document["skullfix"] == __version__
    assert "cpu" in document["devices"]
    assert document["threads"]["usable"] >= 1
    assert document["memory"]["free_bytes"] > 0


def test_info_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info"]) == 0
    shown = capsys.readouterr().out
    assert __version__ in shown
    assert "GiB" in shown
