"""Where checkpoints lie on this machine and where they may come from, read from the environment.

SKULLFIX_CACHE            folder of the cache (default: the system's cache folder for skullfix)
SKULLFIX_WEIGHTS_URL      mirrors, tried in order; base URLs separated by blanks or commas
SKULLFIX_WEIGHTS_FOLDER   a folder with catalogue.json, cards and checkpoints, used instead of the
                          released one (an air-gapped laboratory's own shelf)
SKULLFIX_OFFLINE=1        no network call of any kind
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skullfix.errors import WeightsError


@dataclass(frozen=True)
class Patience:
    """How long a download tries; times in seconds.

    Attributes:
        connect: Longest wait for a connection.
        read: Longest silence of a server in the middle of an answer.
        attempts: Tries in a row, for one mirror, that bring not one byte.
        first_delay: Pause before the second try; it doubles with each further one.
        longest_delay: Longest pause, also where the server asks for more (Retry-After).
    """

    connect: float = 10.0
    read: float = 30.0
    attempts: int = 5
    first_delay: float = 1.0
    longest_delay: float = 60.0


@dataclass(frozen=True)
class Library:
    """The shelves, the cache and the mirrors of one run.

    Attributes:
        released: Folder of the released checkpoints and their catalogue.
        cache: Folder of the cache; holds downloads (by hash) and imported checkpoints.
        mirrors: Base URLs, tried in order; empty when none is configured.
        offline: No network call of any kind.
        patience: How long a download tries.
    """

    released: Path
    cache: Path
    mirrors: tuple[str, ...] = ()
    offline: bool = False
    patience: Patience = field(default_factory=Patience)

    @property
    def imported(self) -> Path:
        """Folder of the user's own checkpoints, of the same form as the released one."""
        return self.cache / "imported"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Library:
        """Read the environment variables named above.

        Raises:
            WeightsError: A mirror is no http or https URL, a named folder is not there, or its
                home is not.
        """
        values = os.environ if environment is None else environment
        return cls(
            released=_shelf(values.get("SKULLFIX_WEIGHTS_FOLDER", "")),
            cache=_cache_folder(values.get("SKULLFIX_CACHE", "")),
            mirrors=_mirrors(values.get("SKULLFIX_WEIGHTS_URL", "")),
            offline=values.get("SKULLFIX_OFFLINE", "").strip().lower() not in ("", "0", "false"),
        )


def released_folder() -> Path:
    """Return the checkpoints of the wheel, or of the repository in an editable installation."""
    bundled = Path(__file__).parent / "released"
    return bundled if bundled.is_dir() else Path(__file__).parents[2] / "weights"


def _shelf(configured: str) -> Path:
    folder = _named("SKULLFIX_WEIGHTS_FOLDER", configured) if configured else released_folder()
    if configured and not folder.is_dir():
        raise WeightsError(
            f"SKULLFIX_WEIGHTS_FOLDER names {folder}, which is no folder.",
            hint="Correct or unset the variable.",
        )
    return folder


def _cache_folder(configured: str) -> Path:
    if configured:
        return _named("SKULLFIX_CACHE", configured)
    from platformdirs import user_cache_path

    return user_cache_path("skullfix", appauthor=False)


def _named(variable: str, text: str) -> Path:
    """Read the folder that a variable names."""
    wrong = f"{variable} names {text}, and there is no such home folder."
    return home_expanded(text, wrong, f"Correct or unset {variable}.").absolute()


def home_expanded(text: str, wrong: str, hint: str) -> Path:
    """Read a path; ``~`` is a home.

    Raises:
        WeightsError: With `wrong` and `hint`, where there is no such home.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # no such user, or one without a home
        raise WeightsError(wrong, hint=hint) from error


def _mirrors(configured: str) -> tuple[str, ...]:
    bases = tuple(base.rstrip("/") for base in configured.replace(",", " ").split())
    for base in bases:
        if not base.lower().startswith(("http://", "https://")):
            raise WeightsError(
                f"SKULLFIX_WEIGHTS_URL names {base!r}, which is no http or https address.",
                hint="For a folder on this machine or a network drive set SKULLFIX_WEIGHTS_FOLDER.",
            )
    return bases
