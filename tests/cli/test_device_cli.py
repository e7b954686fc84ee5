"""``--device``: what a person is told who asks for one that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from skullfix.cli.first_run import announce_first_run
from skullfix.cli.main import run
from skullfix.errors import UsageError
from skullfix.sparse.cuda import available


@pytest.mark.parametrize("command", [["complete"], ["upscale"], ["batch", "complete"]])
@pytest.mark.parametrize(
    ("words", "said"), [(["--device", "gpu"], "no device 'gpu'"), (["--backend", "cuda"], "cuda")]
)
def test_what_is_not_there(
    command: list[str],
    words: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = ["-o", str(tmp_path / "out")] if "batch" in command else []
    assert run([*command, str(tmp_path), *output, *words, "--quiet"]) == UsageError.exit_code
    told = capsys.readouterr().err
    assert said in told
    assert "hint:" in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["complete", str(tmp_path), "--device", "cuda", "--quiet"]
    assert run(words) == UsageError.exit_code
    assert "use --device cpu" in capsys.readouterr().err


def test_a_gpu_without_triton_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skullfix.sparse.device.missing_device", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(available, "missing_device", lambda: None)
    monkeypatch.setattr(available, "missing_triton", lambda: "Triton is not installed")
    said: list[str] = []
    announce_first_run("auto", 1, said.append, "cuda:0")
    assert said == [
        "Triton is not installed: the engine 'reference' runs on the GPU, which is slower"
    ]
