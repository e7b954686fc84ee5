"""An input that is not there or cannot be opened, said before anything is loaded for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skullfix.errors import InputError


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Read an input inside; what the system refuses becomes the error that a user sees.

    Raises:
        InputError: It cannot be opened.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be opened ({error.strerror or error}).",
            hint="Check the path and your permission to read it.",
        ) from error


def must_exist(path: Path) -> None:
    """Refuse an input that is not there.

    Raises:
        InputError: Nothing is there, or what is there cannot be looked at.
    """
    with opening(path):
        if not path.exists():
            raise InputError(f"{path} does not exist.", hint="Check the path.")
