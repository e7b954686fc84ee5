"""A picture in a terminal: by the terminal's own protocol, or in half blocks of colour."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from skullfix.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

PreviewOption = Annotated[bool, typer.Option("--preview", help="Show the picture in the terminal.")]

_WIDEST = 120  # columns of a picture in half blocks
_CHUNK = 4096  # characters of one message of kitty's protocol
_KITTY = ("kitty", "ghostty")
_ITERM = ("iTerm.app", "WezTerm")


def check_preview(wanted: bool, *, no_report: bool) -> None:
    """Refuse to show a picture that is not made.

    Raises:
        UsageError: It is wanted without a report.
    """
    if wanted and no_report:
        raise UsageError(
            "--preview shows the picture that --no-report leaves out", hint="drop one of them"
        )


def show_preview(path: Path, stream: TextIO) -> None:
    """Show a PNG in a terminal; say so on stderr where the stream is none.

    Args:
        path: The picture.
        stream: stdout, or stderr where stdout holds a document.
    """
    if not stream.isatty():
        sys.stderr.write(f"no preview: this is not a terminal; the picture is {path.name}\n")
        return
    terminal = f"{os.environ.get('TERM', '')} {os.environ.get('TERM_PROGRAM', '')}"
    if any(name in terminal for name in _KITTY):
        stream.write(kitty_picture(path.read_bytes()))
    elif any(name in terminal for name in _ITERM):
        stream.write(iterm_picture(path.read_bytes()))
    else:
        from rich.console import Console

        print_blocks(path, Console(file=stream, highlight=False))
    stream.flush()


def kitty_picture(png: bytes) -> str:
    """Write a PNG in kitty's graphics protocol."""
    text = base64.standard_b64encode(png).decode("ascii")
    parts = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    last = len(parts) - 1
    return (
        "".join(
            f"\033_G{'a=T,f=100,' if at == 0 else ''}m={int(at < last)};{part}\033\\"
            for at, part in enumerate(parts)
        )
        + "\n"
    )


def iterm_picture(png: bytes) -> str:
    """Write a PNG in the protocol of iTerm2."""
    text = base64.standard_b64encode(png).decode("ascii")
    return f"\033]1337;File=inline=1;size={len(png)};width=auto:{text}\a\n"


def print_blocks(path: Path, console: Console) -> None:
    """Print a picture in half blocks, two pixels a character; colours as the console has them."""
    import numpy as np
    from PIL import Image
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    image = Image.open(path).convert("RGB")
    columns = max(2, min(console.width, _WIDEST))
    rows = max(2, 2 * round(image.height * columns / image.width / 2))
    pixels = np.asarray(image.resize((columns, rows), Image.Resampling.LANCZOS)).tolist()
    for row in range(0, rows, 2):
        line = Text()
        for upper, lower in zip(pixels[row], pixels[row + 1], strict=True):
            style = Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))
            line.append("▀", style)
        console.print(line, end="\n", soft_wrap=True)
