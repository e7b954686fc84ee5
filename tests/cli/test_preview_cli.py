from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from skullfix.cli.preview import iterm_picture, kitty_picture, print_blocks, show_preview


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[:30] = (255, 0, 0)
    pixels[30:] = (0, 0, 255)
    path = tmp_path / "a_report.png"
    Image.fromarray(pixels).save(path)
    return path


def test_half_blocks_show_the_colours(picture: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=40)
    print_blocks(picture, console)
    text = out.getvalue()
    assert text.count("▀") == 40 * 20
    assert text.index("255;0;0") < text.index("0;0;255")


def test_without_colours_nothing_but_blocks_is_printed(picture: Path) -> None:
    out = io.StringIO()
    print_blocks(picture, Console(file=out, force_terminal=True, no_color=True, width=20))
    assert "255" not in out.getvalue()


def test_kitty_gets_the_whole_file_in_chunks() -> None:
    data = bytes(range(256)) * 40
    text = kitty_picture(data)
    parts = re.findall(r"\033_G(.*?);(.*?)\033\\", text)
    assert len(parts) > 1
    assert parts[0][0] == "a=T,f=100,m=1"
    assert parts[-1][0] == "m=0"
    assert base64.b64decode("".join(part for _, part in parts)) == data


def test_iterm_gets_the_whole_file() -> None:
    text = iterm_picture(b"picture")
    assert base64.b64decode(text.split(":", 1)[1].split("\a")[0]) == b"picture"


@pytest.mark.parametrize(
    ("name", "value", "sign"),
    [("TERM", "xterm-kitty", "\033_G"), ("TERM_PROGRAM", "WezTerm", "\033]1337"), ("", "", "▀")],
)
def test_the_terminal_chooses(
    name: str, value: str, sign: str, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)
    if name:
        monkeypatch.setenv(name, value)
    out = Terminal()
    show_preview(picture, out)
    assert sign in out.getvalue()


def test_a_pipe_is_told_so(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    show_preview(picture, out)
    assert out.getvalue() == ""
    assert "not a terminal" in capsys.readouterr().err
